"""The same as the command `tasnet`: `python -m tasnet_lens`."""

from tasnet_lens.command import main

main()
