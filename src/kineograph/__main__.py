"""python -m kineograph"""

from kineograph.cli import main

main()
