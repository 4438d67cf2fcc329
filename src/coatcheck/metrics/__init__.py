"""HOW IS IT DOING?  What a process counts, and how Prometheus is told (``docs/metrics.md``).

Counting is plain numbers where the work is done; here they are read, when somebody asks. ``coatcheck serve --metrics``
asks its workers and adds up; an embedded application mounts ``Metrics(auth)``. Nothing here is imported unless used.
"""

from coatcheck.metrics.application import Metrics

__all__ = ["Metrics"]
