import { defineConfig } from "vite";

// One page, one script, one sheet, with names that stay: the gateway serves them with an ETag.
export default defineConfig({
  base: "/console/",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: {
      output: { entryFileNames: "console.js", assetFileNames: "console[extname]", inlineDynamicImports: true },
    },
  },
});
