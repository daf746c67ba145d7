"""Machines of a network of our own: each a namespace with its own address, root and hosts file, on one bridge. Ports are
the real ones in there, and a cable can be pulled. Needs root; `why_not()` says what is missing.

The thread that makes a Network is moved into it until close(): what it starts afterwards is on the bridge at 10.77.0.1."""
import ctypes
import os
import pathlib
import shutil
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
ETC = {"passwd": "root:x:0:0:root:/:/bin/sh\n", "group": "root:x:0:\n", "nsswitch.conf": "hosts: files dns\n",
       "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"}
# Its root: what the system has, read from there; /etc and /tmp are its own. Ends with the pipe that it reads.
ROOT_SCRIPT = """
root="$1"
mount -t tmpfs tmpfs "$root"
mkdir "$root/etc" "$root/app" "$root/tmp"
for folder in usr proc dev sys; do mkdir "$root/$folder"; mount --rbind "/$folder" "$root/$folder"; done
for folder in bin sbin lib lib64; do
    if [ -L "/$folder" ]; then ln -s "$(readlink "/$folder")" "$root/$folder"
    elif [ -d "/$folder" ]; then mkdir "$root/$folder"; mount --rbind "/$folder" "$root/$folder"; fi
done
cp -r "$2/." "$root/etc/"
touch "$root/etc/hosts"
mount --bind "$3" "$root/etc/hosts"
shift 3
while [ $# -gt 1 ]; do
    if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$(dirname "$root$2")"; touch "$root$2"; fi
    mount --bind "$1" "$root$2"
    shift 2
done
echo ready
exec chroot "$root" /bin/sh -c 'cat > /dev/null'
"""


def why_not():
    """Why there can be no Network here; None if there can."""
    missing = [tool for tool in ("ip", "unshare", "nsenter", "mount", "chroot") if not shutil.which(tool)]
    if missing:
        return f"{' and '.join(missing)} missing"
    if os.geteuid() != 0:
        return "namespaces take root"
    done = subprocess.run(["unshare", "-n", "-m", "sh", "-c", "ip link add name bridge0 type bridge && mount -t tmpfs tmpfs /mnt"],
                          capture_output=True, text=True)
    return None if done.returncode == 0 else f"namespaces: {done.stderr.strip()}"


def _run(*words):
    subprocess.run(words, check=True, capture_output=True, timeout=20)


def _setns(fd):
    if LIBC.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Machine:
    def __init__(self, network, number, files):
        self.network, self.address = network, f"10.77.0.{number}"
        self.port = f"m{number}"           # its end of the cable, at the bridge
        self.root = network.folder / f"root-{number}"
        self.root.mkdir()
        pairs = [str(part) for pair in files for part in pair]
        self.holder = subprocess.Popen(
            ["unshare", "-n", "-m", "--propagation", "private", "sh", "-euc", ROOT_SCRIPT, "sh", str(self.root),
             str(network.etc), str(network.hosts), *pairs], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            raise AssertionError("a machine has no root")
        pid = str(self.holder.pid)
        _run("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", pid)
        _run("ip", "link", "set", self.port, "master", "bridge", "up")
        enter = ["nsenter", "-t", pid, "-n", "ip"]
        _run(*enter, "link", "set", "lo", "up")
        _run(*enter, "addr", "add", f"{self.address}/16", "dev", "eth0")
        _run(*enter, "link", "set", "eth0", "up")

    def command(self, *words):
        """What runs this in there, when somebody runs it out here."""
        return ["nsenter", "-t", str(self.holder.pid), "-n", "-m", "-r", "-w", *words]

    def outside(self, *words):
        """What runs this in its network, but among the files of ours."""
        return ["nsenter", "-t", str(self.holder.pid), "-n", *words]

    def start(self, words, environment, log):
        with open(log, "ab") as output:
            return subprocess.Popen(self.command(*words), env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=output)

    def cable(self, plugged):
        """Pulled, packets vanish without a word, as when a switch fails."""
        _run("ip", "link", "set", self.port, "up" if plugged else "down")

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(10)
        subprocess.run(["ip", "link", "del", self.port], capture_output=True)


class Network:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "network"
        self.folder.mkdir()
        self.etc = self.folder / "etc"
        self.etc.mkdir()
        for name, text in ETC.items():
            (self.etc / name).write_text(text)
        self.names = {}
        self.hosts = self.folder / "hosts"
        self.know({"localhost": "127.0.0.1"})
        self.machines = []
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if LIBC.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "bridge", "type", "bridge")
        _run("ip", "addr", "add", "10.77.0.1/16", "dev", "bridge")
        _run("ip", "link", "set", "bridge", "up")
        self.inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def know(self, names):
        """Addresses by name, for every machine, from now on. None forgets a name."""
        self.names |= names
        self.names = {name: address for name, address in self.names.items() if address}
        # In place: machines have this very file mounted.
        with open(self.hosts, "w", encoding="ascii") as file:
            file.write("".join(f"{address} {name}\n" for name, address in self.names.items()))

    def machine(self, files=()):
        """files: (path out here, path in there) of what it sees besides the system."""
        machine = Machine(self, 10 + len(self.machines), files)
        self.machines.append(machine)
        return machine

    def enter(self):
        """For other threads of ours."""
        _setns(self.inside)

    def close(self):
        for machine in self.machines:
            machine.close()
        _setns(self.home)
        os.close(self.home)
        os.close(self.inside)
