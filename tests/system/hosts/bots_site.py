"""Make a Bots site in an empty folder, install a plugin into it and make its routes active.

Run by the Python of an environment that has Bots, in that folder, which must be on PYTHONPATH:

    PYTHONPATH=FOLDER PYTHON bots_site.py FOLDER PLUGIN.zip PORT

`bots-engine -cconfig` then runs on the site; PORT is the one by which it keeps a second engine out.
"""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path

SETTINGS = """\
from bots.config.settings import *

DATABASES["default"]["NAME"] = {database!r}
"""


def main(folder: Path, plugin: Path, port: str) -> None:
    import bots  # noqa: PLC0415 - only in Bots' own environment

    package = Path(bots.__file__).parent
    lay_out(package, folder, port)

    from bots import botsglobal, botsinit  # noqa: PLC0415

    botsinit.generalinit("config")
    botsglobal.logger = logging.getLogger("site")
    # Both need Django to be set up.
    from bots import models, pluglib  # noqa: PLC0415

    pluglib.read_plugin(str(plugin))
    for route in models.routes.objects.all():
        route.active = True
        route.full_clean()
        route.save()


def lay_out(package: Path, folder: Path, port: str) -> None:
    """Copy what Bots comes with, its empty database included, and point the settings to the folder."""
    shutil.copytree(package / "usersys", folder / "usersys", ignore=shutil.ignore_patterns("__pycache__"))
    database = folder / "botssys" / "sqlitedb" / "botsdb"
    database.parent.mkdir(parents=True)
    shutil.copyfile(package / "install" / "botsdb", database)
    config = folder / "config"
    config.mkdir()
    (config / "__init__.py").touch()
    (config / "settings.py").write_text(SETTINGS.format(database=str(database)), encoding="utf-8")
    ini = (package / "install" / "bots.ini").read_text(encoding="utf-8")
    changes = {
        "botssys = botssys": f"botssys = {folder / 'botssys'}",
        "runacceptancetest = True": "runacceptancetest = False",
        "port = 28081": f"port = {port}",
    }
    for old, new in changes.items():
        ini = "\n".join(new if line.strip() == old else line for line in ini.splitlines())
    (config / "bots.ini").write_text(ini, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
