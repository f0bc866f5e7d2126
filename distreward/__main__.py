"""`python -m distreward` is `distreward`."""

import sys

from distreward.cli.main import main

sys.exit(main())
