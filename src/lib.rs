//! A Prometheus exporter for the Wolkvox Reports Manager API.
//!
//! # Layout
//!
//! Data flows one way, and the modules are declared in that order. A file imports only from those
//! above it; one value crosses each border.
//!
//! | module | what goes in | what comes out |
//! | --- | --- | --- |
//! | [`api`], [`time`], [`metrics`] | | the words everybody speaks |
//! | [`config`] | what the operator wrote | a [`config::Config`] nobody checks again |
//! | [`schedule`] | configuration and history | the one [`schedule::Request`] that is due |
//! | [`client`] | a request | bytes, or a classified failure |
//! | [`report`] | bytes of a known report | a [`report::Reading`] |
//! | [`ledger`] | a reading | totals, each call counted exactly once |
//! | [`vitals`], [`today`], [`names`] | what reading showed beside the totals | samples |
//! | [`exposition`] | samples | prepared bytes |
//! | [`status`] | the same for people | a page |
//! | [`server`] | prepared bytes | answers |
//! | [`pipeline`] | all of the above | running operations |
//! | [`simulator`] | a seed | the upstream API, imitated, with its faults and the truth |
//! | [`dashboards`] | the catalogue | rules, alerts and their runbook |
//! | [`commands`] | the command line | an exit status |

#![forbid(unsafe_code)]

pub mod api;
pub mod metrics;
pub mod time;

pub mod config;

pub mod schedule;

pub mod client;

pub mod report;

pub mod ledger;

pub mod names;
pub mod today;
pub mod vitals;

pub mod exposition;

pub mod status;

pub mod server;

pub mod pipeline;

pub mod simulator;

pub mod dashboards;

pub mod commands;
