"""A volume of configuration as the kubelet writes it: every version in a folder of its own, `..data` leads to the one in
force, and each file is a link through `..data`."""
import os
import pathlib


class MountedFolder:
    def __init__(self, path, files):
        self.path = pathlib.Path(path)
        self.path.mkdir()
        self.versions = 0
        self.write(files)

    def write(self, files):
        self.versions += 1
        version = self.path / f"..2026_{self.versions}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
        before = self.path / "..data"
        old = os.readlink(before) if before.is_symlink() else None
        os.symlink(version.name, self.path / "..data_tmp")
        os.replace(self.path / "..data_tmp", before)
        if old:
            for name in os.listdir(self.path / old):
                (self.path / old / name).unlink()
            (self.path / old).rmdir()
        for name in os.listdir(self.path):
            if not name.startswith("..") and name not in files:
                (self.path / name).unlink()
        for name in files:
            if not (self.path / name).is_symlink():
                os.symlink(f"..data/{name}", self.path / name)
