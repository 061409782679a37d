# SPDX-License-Identifier: MIT
"""Why QEMU ended: it says so on its monitor only, and its exit status is 0 for too many reasons."""

import json
import socket
import threading


class EndWatcher:
    """Listens on a socket path for QEMU's monitor, and keeps the reason of its SHUTDOWN event:
    `guest-reset` for a reboot and for a triple fault, others for being stopped from outside."""

    def __init__(self, path):
        self.reason = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        try:
            connection = self._listener.accept()[0]
            with connection, connection.makefile("rw", encoding="utf-8") as monitor:
                monitor.write('{"execute": "qmp_capabilities"}\n')
                monitor.flush()
                for line in monitor:
                    message = json.loads(line)
                    if message.get("event") == "SHUTDOWN":
                        self.reason = message["data"].get("reason")
        except (OSError, ValueError):
            pass  # QEMU did not come, or went in the middle of a line

    def finish(self):
        """After QEMU's end: waits for the last message, and answers the reason."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # QEMU may never have connected
        except OSError:
            pass
        self._thread.join(2)
        self._listener.close()
        return self.reason
