"""The network for browsers: C++ that clang compiles to WebAssembly, and the file built from it."""
