"""One method a file; each reads in the order of its paper."""
