"""One method a file, in the order of its paper; a folder for each family."""
