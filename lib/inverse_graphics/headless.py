"""The processes that a notebook runs in: papermill in one, its kernel in a child of that.

Both are forked, within milliseconds, from a process that has the imports of all notebooks behind it (`preloaded`):
left to themselves they would import for seconds, notebook after notebook.
"""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NoReturn

import psutil

# Elsewhere than on Linux, libraries that are loaded may not survive a fork; there each process imports for itself.
PRELOADED = ["inverse_graphics.preloaded"] if sys.platform == "linux" else []

_forks = multiprocessing.get_context("forkserver")
_one_at_a_time = threading.Lock()  # starting a process looks at all others, and so does asking for an exit status


class NotebookProcess:
    """Runs one notebook from the moment it is made.

    Args:
        source, executed: the notebook, and where its executed copy goes; the sockets are beside it.
        parameters: what is injected into the cell tagged `parameters`.
        log: file that everything printed goes to.
        environment: what differs from this process's environment.
    """

    def __init__(
        self, source: Path, executed: Path, parameters: Mapping[str, Any], log: Path, environment: Mapping[str, str]
    ) -> None:
        log.write_bytes(b"")
        _forks.set_forkserver_preload(PRELOADED)
        told = {"source": str(source), "executed": str(executed), "parameters": dict(parameters)}
        self._process: BaseProcess = _forks.Process(
            target=_run, args=(told, str(log), dict(os.environ) | dict(environment), os.getpid())
        )
        with _one_at_a_time:
            self._process.start()

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        with _one_at_a_time:
            return self._process.exitcode

    def end(self) -> None:
        """TERM, then KILL, to it and its descendants (kernels have sessions of their own: one group is not all)."""
        if self.poll() is not None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self._process.pid)
            tree = [*root.children(recursive=True), root]
            for action in (psutil.Process.terminate, psutil.Process.kill):
                for member in tree:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        action(member)
                _, tree = psutil.wait_procs(tree, timeout=3)
        while self.poll() is None:
            time.sleep(0.05)


# What runs in the forked processes


def _run(told: dict[str, Any], log: str, environment: dict[str, str], driver: int) -> None:
    os.setsid()
    multiprocessing.set_start_method(None, force=True)  # what the notebook starts, it starts as anywhere else
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(output, stream)
    os.environ.update(environment)
    kernel = _WaitingKernel()  # before any thread and any event loop: these do not live through a fork
    watch = (driver, Path(told["executed"]).parent)
    threading.Thread(target=_leave_with, args=watch, daemon=True).start()
    _execute(kernel, **told)


def _execute(kernel: "_WaitingKernel", source: str, executed: str, parameters: dict[str, object]) -> None:
    sys.modules.setdefault("rfc3987_syntax", None)  # see `preloaded`

    import ipykernel.kernelspec
    import papermill
    from jupyter_client import AsyncKernelManager
    from jupyter_client.connect import KernelConnectionInfo
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.provisioning import LocalProvisioner

    class Provisioner(LocalProvisioner):
        """Has the kernel in waiting started, where the usual one starts a new interpreter."""

        async def launch_kernel(self, cmd: list[str], **settings: Any) -> KernelConnectionInfo:
            kernel.start(cmd[cmd.index("-f") :], settings["env"], os.getcwd())
            self.process, self.pid, self.pgid = kernel, kernel.pid, kernel.pid
            return self.connection_info

    class OwnKernelManager(AsyncKernelManager):
        """Has a kernel of this very interpreter, whatever kernel specs a machine has, and talks to it over sockets
        that are files in our scratch folder (ports can be taken between choosing and binding one)."""

        def __init__(self, **settings: object) -> None:
            file = str(Path(executed).with_name("kernel"))
            # The sockets' names begin with `ip`. Left to itself it is `kernel-ipc` in the working folder, and two
            # notebooks of one folder get each other's messages.
            super().__init__(transport="ipc", ip=f"{file}-ipc", connection_file=f"{file}.json", **settings)
            self._kernel_spec = KernelSpec(**ipykernel.kernelspec.get_kernel_dict())
            self.provisioner = Provisioner(kernel_id="", kernel_spec=self._kernel_spec, parent=self)

    defined = papermill.inspect_notebook(source)
    missing = [name for name in parameters if name not in defined]
    if missing:
        raise ValueError(f"the notebook's cell tagged `parameters` does not define {', '.join(missing)}")
    papermill.execute_notebook(
        source,
        executed,
        parameters=parameters,
        kernel_name="python3",
        kernel_manager_class=OwnKernelManager,
        cwd=str(Path(source).parent),
        progress_bar=False,
        store_widget_state=False,  # a plotly widget's state is 5 MB; not wanted in an executed copy
    )


class _WaitingKernel:
    """A child process that becomes an IPython kernel when it is told to; has what is used of `subprocess.Popen`."""

    stdin = stdout = stderr = returncode = None

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._writer)
            _become_kernel(reader)
        os.close(reader)

    def start(self, arguments: list[str], environment: dict[str, str], folder: str) -> None:
        with open(self._writer, "w", encoding="utf-8") as order:
            json.dump({"arguments": arguments, "environment": environment, "folder": folder}, order)

    def poll(self) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        while (code := self.poll()) is None:
            time.sleep(0.05)
        return code

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _become_kernel(reader: int) -> NoReturn:
    status = 1
    try:
        with open(reader, encoding="utf-8") as order:
            told = order.read()
        if told:  # nothing comes where there was nothing to execute
            settings = json.loads(told)
            os.setsid()
            os.environ.update(
                settings["environment"] | {"JPY_PARENT_PID": str(os.getppid())}
            )  # it ends with its parent
            os.chdir(settings["folder"])
            from ipykernel import kernelapp

            # Told by an argument that it ends with its parent: the usual variable was read when `kernelapp` was loaded
            ending = f"--IPKernelApp.parent_handle={os.getppid()}"
            sys.argv = ["ipykernel_launcher", *settings["arguments"], ending]
            kernelapp.launch_new_instance()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)  # not back into the parent's stack


def _leave_with(driver: int, scratch: Path) -> None:
    """End this process soon after the one that asked for it is gone, even killed; the kernel watches this process in
    the same way."""
    while psutil.pid_exists(driver):
        time.sleep(1)
    shutil.rmtree(scratch, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGKILL)
