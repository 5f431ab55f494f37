not_yet "load tests; the files are rendered: mainstay render artillery"
