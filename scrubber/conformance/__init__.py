"""The implementation guide, as pyx12 knows it; the only package that imports pyx12."""
