//! One authenticated request: bytes, or a classified failure.
