"""`python -m deepda` is `deepda`."""

import sys

from deepda.cli import main

sys.exit(main())
