"""What the pages say in words, a module a page: every sentence is a function of the figures that it stands beside."""
