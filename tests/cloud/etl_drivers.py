"""Drivers for Cinder without a storage: volumes are one small file, copies are Cinder's own posix driver's.

A copy whose name begins with `fail-N` fails to be deleted N times, one with `slow` takes its time; a snapshot whose name
begins with `fail` cannot be deleted. Sources: cinder/volume/driver.py, cinder/backup/drivers/posix.py.
"""

import pathlib
import time

from cinder import exception, interface
from cinder.backup.drivers import posix
from cinder.volume import driver, volume_utils
from oslo_config import cfg

CONF = cfg.CONF
# What os-brick would ask the machine for needs root's helper; nothing is attached over a network here.
volume_utils.brick_get_connector_properties = lambda *_, **__: {"host": CONF.host, "ip": "127.0.0.1"}


@interface.volumedriver
class Volumes(driver.VolumeDriver):
    VERSION = "1"

    def check_for_setup_error(self):
        pass

    def nothing(self, *_, **__):
        return None

    create_volume = delete_volume = create_snapshot = create_export = ensure_export = remove_export = nothing
    create_cloned_volume = create_volume_from_snapshot = terminate_connection = nothing

    def delete_snapshot(self, snapshot):
        if (snapshot.display_name or "").startswith("fail"):
            raise exception.VolumeBackendAPIException(data="the storage refuses")

    def initialize_connection(self, volume, connector, **_):
        return {"driver_volume_type": "local", "data": {"device_path": CONF.state_path + "/device"}}

    def _update_volume_stats(self):
        self._stats = {
            "volume_backend_name": "small",
            "vendor_name": "etl",
            "driver_version": self.VERSION,
            "storage_protocol": "local",
            "total_capacity_gb": "infinite",
            "free_capacity_gb": "infinite",
            "multiattach": True,
        }


@interface.backupdriver
class Copies(posix.PosixBackupDriver):
    def delete_backup(self, backup):
        name = backup.display_name or ""
        if name.startswith("slow"):
            time.sleep(2)
        if name.startswith("fail-"):
            count = pathlib.Path(CONF.state_path, f"failed-{backup.id}")
            failed = int(count.read_text()) if count.exists() else 0
            if failed < int(name.split("-")[1]):
                count.write_text(str(failed + 1))
                raise exception.BackupDriverException(reason="the storage refuses")
        super().delete_backup(backup)


def get_backup_driver(context):
    return Copies(context)
