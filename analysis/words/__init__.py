"""What the pages say in words, one module for each page: every sentence is a function of the figures beside it."""
