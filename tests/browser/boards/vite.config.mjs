import { defineConfig } from 'vite';

// The code editor and the map are parts of the library that no board of ours shows, and most of its size.
const stub = new URL('./stub.js', import.meta.url).pathname;

export default defineConfig({
  esbuild: { jsx: 'automatic' },
  resolve: {
    alias: [
      { find: /^monaco-editor.*/, replacement: stub },
      { find: '@monaco-editor/react', replacement: stub },
      { find: /^ol(\/.*)?$/, replacement: stub },
    ],
  },
  build: { minify: false, reportCompressedSize: false, chunkSizeWarningLimit: 1e6, rollupOptions: { shimMissingExports: true } },
  define: { 'process.env': {}, 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
  logLevel: 'warn',
});
