"""The command `python -m tasnet.corpora`: see `tasnet/data/command.py`."""

import sys

from tasnet.data.command import main

if __name__ == "__main__":
    sys.exit(main())
