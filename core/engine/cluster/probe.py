"""Print how many trials a cluster trains at the same time; exit code 1 if there is none.

Run as `python -m core.engine.cluster.probe '[ADDRESS, DEVICE, WORKERS_PER_DEVICE]'`.
"""

from __future__ import annotations

import json
import sys

from core.engine.cluster.ray_cluster import RayCluster
from core.engine.host.ray_requirement import NoClusterError


def main(asked: str) -> int:
    """Answer; `asked` is a JSON list, its first element null for the cluster of this machine."""
    address, device, workers_per_device = json.loads(asked)
    try:
        cluster = RayCluster(address, device, workers_per_device, may_start=False)
    except NoClusterError:
        return 1
    print(cluster.slots())
    cluster.disconnect()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
