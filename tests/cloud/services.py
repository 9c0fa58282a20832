"""PostgreSQL, RabbitMQ, Keystone and Cinder, started privately on free ports of 127.0.0.1 in a folder of their own."""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

PASSWORD = "correct horse battery staple"
BIN = pathlib.Path(sys.executable).parent
HERE = pathlib.Path(__file__).resolve().parent
RABBIT = "/usr/lib/rabbitmq/bin"


class Failed(Exception):
    pass


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait(is_so, what, seconds=180, between=0.2):
    """Waits until something is so; returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            result = is_so()
        except OSError:
            result = None
        if result:
            return result
        time.sleep(between)
    raise Failed(f"{what}: not within {seconds} s")


def listens(port):
    def connect():
        with socket.create_connection(("127.0.0.1", port), 1):
            return True

    return connect


class Services:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.running = {}
        self.ports = {name: free_port() for name in ("postgres", "rabbit", "rabbit-dist", "epmd", "keystone", "cinder")}
        self.auth_url = f"http://127.0.0.1:{self.ports['keystone']}/v3"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(HERE),
            "PYTHONWARNINGS": "ignore",
            "OS_KEYSTONE_CONFIG_DIR": str(self.folder),
        }

    def start(self, name, arguments, **more):
        """Starts a service as a process group of its own, with its output in a log file."""
        log = open(self.folder / f"{name}.log", "ab")
        environment = {**self.environment, **more.pop("env", {})}
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=self.folder,
            start_new_session=True,
            **more,
        )
        log.close()
        self.running[name] = process
        return process

    def stop(self, name, how=signal.SIGTERM):
        process = self.running.pop(name, None)
        if process is None:
            return
        for sign, seconds in ((how, 20), (signal.SIGKILL, 20)):
            try:
                os.killpg(process.pid, sign)
                process.wait(seconds)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue

    def stop_all(self):
        for name in [*reversed(self.running)]:
            self.stop(name, signal.SIGINT if name == "postgres" else signal.SIGTERM)

    def run(self, *arguments, **environment):
        done = subprocess.run(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
            cwd=self.folder,
        )
        if done.returncode:
            raise Failed(f"{arguments[0]}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout

    def all(self):
        self.postgres()
        self.rabbit()
        self.keystone()
        self.cinder()

    def postgres(self):
        programs = os.environ.get("PG_BINDIR")
        if not programs:
            found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
            if not found:
                raise Failed("PostgreSQL is not installed: install the package postgresql, or name PG_BINDIR")
            programs = found[-1]
        data = self.folder / "postgres"
        data.mkdir()
        # PostgreSQL does not run as root.
        user = {}
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            os.chown(data, owner.pw_uid, owner.pw_gid)
        arguments = [f"{programs}/initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]
        subprocess.run(arguments, check=True, capture_output=True, cwd="/", **user)
        port = self.ports["postgres"]
        settings = ["-c", "fsync=off", "-c", "max_connections=200", "-c", f"unix_socket_directories={data}"]
        self.start(
            "postgres", [f"{programs}/postgres", "-D", data, "-h", "127.0.0.1", "-p", port, *settings], **user
        )
        wait(listens(port), "PostgreSQL")
        self.psql = [f"{programs}/psql", "-XAtq", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
        wait(lambda: self.sql("postgres", "SELECT 1") == "1", "PostgreSQL")
        for name in ("keystone", "cinder"):
            self.sql("postgres", f"CREATE DATABASE {name}")

    def sql(self, database, text):
        done = subprocess.run([*self.psql, "-d", database, "-c", text], capture_output=True, text=True)
        return done.stdout.strip()

    def dump(self, database, path):
        program = str(pathlib.Path(self.psql[0]).with_name("pg_dump"))
        arguments = [program, "-h", "127.0.0.1", "-p", str(self.ports["postgres"]), "-U", "postgres", "-f", str(path)]
        subprocess.run([*arguments, database], check=True, capture_output=True)

    def database(self, name):
        return f"postgresql+psycopg2://postgres@127.0.0.1:{self.ports['postgres']}/{name}"

    def rabbit(self):
        base = self.folder / "rabbit"
        base.mkdir()
        (base / "plugins").write_text("[].\n")
        environment = {
            "HOME": str(base),
            "RABBITMQ_NODENAME": f"etl-{self.ports['rabbit']}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.ports["rabbit"]),
            "RABBITMQ_DIST_PORT": str(self.ports["rabbit-dist"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": str(base / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(base / "rabbitmq"),
            "RABBITMQ_MNESIA_BASE": str(base / "mnesia"),
            "RABBITMQ_LOG_BASE": str(base / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "plugins"),
            "RABBITMQ_PID_FILE": str(base / "pid"),
            "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        (base / "env.conf").write_text("")
        (base / "rabbitmq.conf").write_text("")
        # RabbitMQ would start one that outlives it.
        self.start("epmd", ["epmd", "-port", self.ports["epmd"], "-address", "127.0.0.1"])
        wait(listens(self.ports["epmd"]), "epmd")
        self.start("rabbit", [f"{RABBIT}/rabbitmq-server"], env=environment)
        wait(listens(self.ports["rabbit"]), "RabbitMQ")

    def configuration(self, name, sections):
        lines = []
        for section, values in sections.items():
            lines += [f"[{section}]", *(f"{key} = {value}" for key, value in values.items()), ""]
        path = self.folder / name
        path.write_text("\n".join(lines))
        path.chmod(0o600)
        return path

    def configure_keystone(self, expiration):
        return self.configuration(
            "keystone.conf",
            {
                "DEFAULT": {"use_stderr": "true"},
                "database": {"connection": self.database("keystone")},
                # Logging in is to cost no seconds of a busy processor.
                "identity": {"password_hash_rounds": 4},
                "token": {"provider": "fernet", "expiration": expiration},
                "fernet_tokens": {"key_repository": self.folder / "fernet"},
                "credential": {"key_repository": self.folder / "credential"},
                "cache": {"enabled": "true", "backend": "oslo_cache.dict"},
            },
        )

    def short_tokens(self):
        """From now on tokens last for a minute and a half."""
        self.stop("keystone")
        self.configure_keystone(90)
        self.start_keystone()

    def keystone(self):
        path = self.configure_keystone(3600)
        manage = [BIN / "keystone-manage", "--config-file", path]
        user = pwd.getpwuid(os.getuid()).pw_name
        self.run(*manage, "db_sync")
        for what in ("fernet_setup", "credential_setup"):
            self.run(*manage, what, "--keystone-user", user, "--keystone-group", user)
        self.run(
            *manage,
            *("bootstrap", "--bootstrap-username", "admin", "--bootstrap-project-name", "admin"),
            *("--bootstrap-region-id", "north", "--bootstrap-public-url", self.auth_url),
            *("--bootstrap-internal-url", self.auth_url, "--bootstrap-admin-url", self.auth_url),
            OS_BOOTSTRAP_PASSWORD=PASSWORD,
        )
        self.start_keystone()

    def start_keystone(self):
        serve = (
            "import sys; from werkzeug.serving import run_simple;"
            "from keystone.server.wsgi import initialize_public_application as app;"
            f"run_simple('127.0.0.1', {self.ports['keystone']}, app(), threaded=True)"
        )
        self.start("keystone", [sys.executable, "-c", serve])
        wait(lambda: urllib.request.urlopen(self.auth_url, timeout=2), "Keystone")

    def cinder(self):
        state = self.folder / "cinder"
        (state / "locks").mkdir(parents=True)
        (state / "device").write_bytes(b"\0" * 4096)
        etc = BIN.parent / "etc" / "cinder"
        path = self.configuration(
            "cinder.conf",
            {
                "DEFAULT": {
                    "backup_max_operations": 0,
                    "transport_url": f"rabbit://guest:guest@127.0.0.1:{self.ports['rabbit']}/",
                    "state_path": state,
                    "my_ip": "127.0.0.1",
                    "host": "node",
                    "auth_strategy": "keystone",
                    "api_paste_config": etc / "api-paste.ini",
                    "resource_query_filters_file": etc / "resource_filters.json",
                    "osapi_volume_listen": "127.0.0.1",
                    "osapi_volume_listen_port": self.ports["cinder"],
                    "osapi_volume_workers": 1,
                    # Several pages for the checks' objects.
                    "osapi_max_limit": 40,
                    "enabled_backends": "small",
                    "backup_driver": "etl_drivers.Copies",
                    "backup_file_size": 32768,
                    "report_interval": 2,
                    "service_down_time": 10,
                    "periodic_interval": 10,
                    "quota_volumes": -1,
                    "quota_snapshots": -1,
                    "quota_backups": -1,
                    "quota_gigabytes": -1,
                    "quota_backup_gigabytes": -1,
                },
                "small": {"volume_driver": "etl_drivers.Volumes", "volume_backend_name": "small"},
                "database": {"connection": self.database("cinder")},
                "oslo_concurrency": {"lock_path": state / "locks"},
                "coordination": {"backend_url": f"file://{state}"},
                "keystone_authtoken": {
                    "www_authenticate_uri": self.auth_url,
                    "auth_url": self.auth_url,
                    "auth_type": "password",
                    "project_domain_id": "default",
                    "user_domain_id": "default",
                    "project_name": "admin",
                    "username": "admin",
                    "password": PASSWORD,
                    "http_request_max_retries": 0,
                    "token_cache_time": 2,
                },
            },
        )
        self.cinder_conf = path
        self.run(BIN / "cinder-manage", "--config-file", path, "db", "sync")
        for name in ("api", "scheduler", "volume", "backup"):
            self.start_cinder(name)
        wait(listens(self.ports["cinder"]), "Cinder")

        def up():
            text = "SELECT count(DISTINCT topic) FROM services WHERE updated_at > now() AT TIME ZONE 'UTC' - interval '8 s'"
            return self.sql("cinder", text) == "3"

        wait(up, "cinder-scheduler, cinder-volume and cinder-backup")

    def start_cinder(self, name):
        self.start(f"cinder-{name}", [BIN / f"cinder-{name}", "--config-file", self.cinder_conf])


def temporary(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # PostgreSQL runs as another user where this is root.
    folder.chmod(0o755)
    return folder
