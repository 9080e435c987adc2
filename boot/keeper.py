"""
Holds the programs of a clone on another machine, as keeper.cjs does here: the same orders and answers, a JSON on each
line. Python, because a machine that cloud-init sets up has it and has no Node.

    python3 -c KEEPER BASE      BASE holds the clones of this user; each holds a lock on its own folder as long as it lives

The first line that it says is {"ready": true, "folder": FOLDER}. It lives as long as its stdin is open: whatever happens to
the connection, the programs end and the folder is removed. In a process namespace it is the first process, so that with
itself the kernel ends all others, and so it must also take leave of orphans.
"""
import fcntl, json, os, shutil, signal, socket, subprocess, sys, tempfile, threading

GRACE = 30
running = {}
said = threading.Lock()


def tell(message):
    with said:
        try:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()
        except OSError:
            pass  # A reader that has gone is told by stdin's end.


def locked(folder):
    """Holds the lock of a folder, or None where another process does."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock
    except OSError:
        os.close(lock)
        return None


def make_folder(base):
    """A folder for this clone; those of killed ones go."""
    os.makedirs(base, mode=0o700, exist_ok=True)
    seen = os.lstat(base)
    if not os.path.isdir(base) or os.path.islink(base) or seen.st_uid != os.getuid():
        raise OSError(base + " belongs to another user")
    for name in os.listdir(base):
        left = os.path.join(base, name)
        lock = locked(left)
        if lock is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)
    folder = tempfile.mkdtemp(prefix="clone-", dir=base)
    locked(folder)
    return folder


def watch(name, child):
    code = child.wait()
    running.pop(name, None)
    ended = {"ended": name, "code": None, "signal": None}
    if code < 0:
        ended["signal"] = signal.Signals(-code).name
    else:
        ended["code"] = code
    tell(ended)


def start(order):
    with open(order["log"], "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
        child = subprocess.Popen(
            order["argv"], env=order["env"], cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    running[order["name"]] = child
    tell({"id": order["id"]})
    threading.Thread(target=watch, args=(order["name"], child), daemon=True).start()


def stop(order):
    child = running.get(order["name"])

    def end():
        if child is not None:
            child.terminate()
            try:
                child.wait(GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        tell({"id": order["id"]})

    threading.Thread(target=end, daemon=True).start()


def carry(source, target):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(server, port):
    while True:
        near, _ = server.accept()
        try:
            far = socket.create_connection(("127.0.0.1", port))
        except OSError:
            near.close()
            continue
        for ends in ((near, far), (far, near)):
            threading.Thread(target=carry, args=ends, daemon=True).start()


def relay(order):
    server = socket.socket(socket.AF_UNIX)
    server.bind(order["socket"])
    server.listen(64)
    threading.Thread(target=serve, args=(server, order["port"]), daemon=True).start()
    tell({"id": order["id"]})


def port(order):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        tell({"id": order["id"], "port": probe.getsockname()[1]})


def folder(order):
    os.mkdir(order["path"], 0o700)
    tell({"id": order["id"]})


def write(order):
    with open(order["path"], "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(order["text"])
    tell({"id": order["id"]})


def remove(order):
    os.remove(order["path"])
    tell({"id": order["id"]})


def tail(order):
    """The last lines of a file, as much as 64 KiB of it has."""
    lines = []
    if os.path.exists(order["path"]):
        with open(order["path"], "rb") as file:
            file.seek(max(0, os.path.getsize(order["path"]) - 65536))
            lines = file.read().decode("utf-8", "replace").rstrip().split("\n")[-order["lines"] :]
    tell({"id": order["id"], "lines": lines})


def end(*_):
    for child in list(running.values()):
        child.kill()
    for child in list(running.values()):
        child.wait()
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        os.rmdir(sys.argv[1])
    except OSError:
        pass  # There are others.
    os._exit(0)


ORDERS = {
    **{"start": start, "stop": stop, "relay": relay, "port": port},
    **{"folder": folder, "write": write, "remove": remove, "tail": tail},
}
FOLDER = make_folder(sys.argv[1])
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, end)
tell({"ready": True, "folder": FOLDER})
for line in sys.stdin:
    asked = json.loads(line)
    try:
        ORDERS[asked["do"]](asked)
    except Exception as error:
        tell({"id": asked["id"], "error": str(error)})
end()
