"""Benchmarks: one function each, `dtw.bench_dtw` and `yasr.bench_yasr`, over the same corpora and the same clock."""
