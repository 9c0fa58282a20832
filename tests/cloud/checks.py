"""Checks `etl purge` against the real Keystone and Cinder: `tests/openstack` starts this with the command's path.

Each check is a function; its row of the table says what was seen. One that fails does not keep the others from running.
"""

import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import requests
import services
from services import PASSWORD, Failed, Services, wait

VOLUMES, CHAIN, SNAPSHOTS = 40, 5, 40
DRIVER = "etl_drivers.Copies"
DOWN = "404: Service cinder-backup could not be found."


class Cloud:
    """An administrator's and a member's requests."""

    def __init__(self, running):
        self.running = running
        self.tokens = {}
        self.login = threading.Lock()
        self.projects = {}
        self.endpoint = f"http://127.0.0.1:{running.ports['cinder']}/v3"

    def token(self, project, user="admin"):
        with self.login:
            return self.token_of(project, user)

    def token_of(self, project, user):
        made, token = self.tokens.get((project, user), (0, None))
        if time.monotonic() - made > 30:
            domain = {"id": "default"}
            auth = {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": user, "domain": domain, "password": PASSWORD}},
                },
                "scope": {"project": {"name": project, "domain": domain}},
            }
            answer = requests.post(f"{self.running.auth_url}/auth/tokens", json={"auth": auth}, timeout=60)
            answer.raise_for_status()
            self.projects[project] = answer.json()["token"]["project"]["id"]
            token = answer.headers["X-Subject-Token"]
            self.tokens[project, user] = (time.monotonic(), token)
        return token

    def keystone(self, method, path, body=None):
        headers = {"X-Auth-Token": self.token("admin")}
        answer = requests.request(method, self.running.auth_url + path, json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def cinder(self, method, project, path, body=None):
        headers = {"X-Auth-Token": self.token(project)}
        url = f"{self.endpoint}/{self.projects[project]}{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def populate(self):
        """Projects, users, the catalogue, volumes with chains of copies, snapshots."""
        service = self.keystone("POST", "/services", {"service": {"type": "volumev3", "name": "cinderv3"}})
        for region in ("north", "south"):
            if region != "north":
                self.keystone("POST", "/regions", {"region": {"id": region}})
            url = self.endpoint if region == "north" else "http://127.0.0.1:1/v3"
            endpoint = {"service_id": service["service"]["id"], "interface": "public", "region_id": region}
            self.keystone("POST", "/endpoints", {"endpoint": {**endpoint, "url": f"{url}/%(project_id)s"}})
        roles = {role["name"]: role["id"] for role in self.keystone("GET", "/roles")["roles"]}
        users = {user["name"]: user["id"] for user in self.keystone("GET", "/users")["users"]}
        member = {"user": {"name": "member", "domain_id": "default", "password": PASSWORD}}
        users["member"] = self.keystone("POST", "/users", member)["user"]["id"]
        for name in ("one", "two"):
            body = {"project": {"name": name, "domain_id": "default"}}
            project = self.keystone("POST", "/projects", body)["project"]["id"]
            for user, role in (("admin", "admin"), ("member", "member")):
                self.keystone("PUT", f"/projects/{project}/users/{users[user]}/roles/{roles[role]}")
            self.token(name)
        self.token("one", "member")
        pool = concurrent.futures.ThreadPoolExecutor(8)
        try:
            list(pool.map(self.volume, range(VOLUMES)))
        finally:
            pool.shutdown(cancel_futures=True)

    def volume(self, number):
        project = "one" if number < VOLUMES // 2 else "two"
        body = {"volume": {"size": 1, "name": f"volume-{number}"}}
        volume = self.cinder("POST", project, "/volumes", body)["volume"]["id"]
        self.until(project, f"/volumes/{volume}", "volume")
        for place in range(CHAIN):
            name = {(30, 4): "fail-2", (31, 2): "fail-99", (32, 4): "fail-1"}.get((number, place), "copy")
            body = {"volume_id": volume, "name": name, "incremental": place > 0}
            copy = self.cinder("POST", project, "/backups", {"backup": body})["backup"]["id"]
            self.until(project, f"/backups/{copy}", "backup")
        name = "fail" if number == 33 else "snapshot"
        body = {"snapshot": {"volume_id": volume, "name": name}}
        snapshot = self.cinder("POST", project, "/snapshots", body)["snapshot"]["id"]
        self.until(project, f"/snapshots/{snapshot}", "snapshot")

    def until(self, project, path, member):
        def made():
            thing = self.cinder("GET", project, path)[member]
            if thing["status"] == "error":
                raise Failed(f"{path}: {thing}")
            return thing["status"] == "available"

        wait(made, path, 300, 1)


class Checks:
    def __init__(self, etl, folder):
        self.etl, self.folder = etl, folder
        self.running = Services(folder)
        self.cloud = Cloud(self.running)
        self.rows = []

    # What the database holds.

    def ids(self, where="true", table="backups"):
        text = f"SELECT id FROM {table} b WHERE NOT deleted AND ({where}) ORDER BY id"
        return self.running.sql("cinder", text).split()

    def of_volumes(self, first, last):
        names = ", ".join(f"'volume-{n}'" for n in range(first, last))
        return f"volume_id IN (SELECT id FROM volumes WHERE display_name IN ({names}))"

    # The command.

    def environment(self, **more):
        user = {
            "OS_AUTH_URL": self.running.auth_url,
            "OS_USERNAME": "admin",
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": "admin",
            "OS_REGION_NAME": "north",
        }
        return {"PATH": os.environ["PATH"], **user, **more}

    def arguments(self, name, ids, more):
        (self.folder / f"{name}.ids").write_text("\n".join(ids) + "\n")
        files = ["--ids", f"{name}.ids", "--journal", f"{name}.journal", "--report", f"{name}.json"]
        quick = ["--poll-every", "1s", "--retry-wait", "1s", "--log", f"{name}.log", "-v"]
        return [self.etl, "purge", "--no-target", *files, *quick, *more]

    def begin(self, name, ids, *more, env=None):
        output = open(self.folder / f"{name}.out", "w")
        return subprocess.Popen(
            self.arguments(name, ids, more),
            cwd=self.folder,
            env=env or self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def end(self, process, name, seconds=400):
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed(f"{name}: it does not end within {seconds} s") from None
        return code, (self.folder / f"{name}.out").read_text()

    def purge(self, name, ids, *more, env=None):
        return self.end(self.begin(name, ids, *more, env=env), name)

    def report(self, name):
        return json.loads((self.folder / f"{name}.json").read_text())["purge"]

    def expect(self, is_so, what):
        if not is_so:
            raise Failed(what)

    # The checks, in this order: what one deletes, the next has no more.

    def a_dry_run_lists_every_page(self):
        ids = self.ids() + self.ids(table="snapshots")
        code, out = self.purge("dry", ids, "--dry-run")
        chosen = self.report("dry")["chosen"]
        expected = {"backups": VOLUMES * CHAIN, "snapshots": SNAPSHOTS}
        self.expect(code == 0 and chosen == expected, f"{code} {chosen} {out[-2000:]}")
        order = re.findall(r"copy (\S+) of", out)
        parents = dict(
            line.split("|")
            for line in self.running.sql("cinder", "SELECT id, parent_id FROM backups WHERE parent_id <> ''").split()
        )
        place = {one: n for n, one in enumerate(order)}
        wrong = [child for child, parent in parents.items() if place[child] > place[parent]]
        self.expect(not wrong and len(parents) == VOLUMES * (CHAIN - 1), f"{len(wrong)} children after their parents")
        return f"{chosen['backups']} copies, {chosen['snapshots']} snapshots in pages of 40, children first"

    def a_region_is_asked_for(self):
        code, out = self.purge("region", ["x"], "--dry-run", env=self.environment(OS_REGION_NAME=""))
        self.expect(code == 1 and "several endpoints in its catalogue, in regions north, south" in out, out)
        return "two regions: named in the error"

    def an_application_credential_is_enough(self):
        user = self.cloud.keystone("GET", "/users?name=admin")["users"][0]["id"]
        # It is the project's of the token that asks for it.
        body = {"application_credential": {"name": "purge"}}
        made = self.cloud.keystone("POST", f"/users/{user}/application_credentials", body)["application_credential"]
        env = self.environment(
            OS_APPLICATION_CREDENTIAL_ID=made["id"], OS_APPLICATION_CREDENTIAL_SECRET=made["secret"]
        )
        code, out = self.purge("credential", self.ids(), "--dry-run", env=env)
        self.expect(code == 0 and self.report("credential")["chosen"]["backups"] == VOLUMES * CHAIN, out)
        return "sees all projects' copies"

    def a_member_s_project_is_its_own(self):
        own = self.cloud.projects["one"]
        env = self.environment(OS_USERNAME="member", OS_PROJECT_NAME="one")
        ids = self.ids() + self.ids(table="snapshots")
        code, out = self.purge("member", ids, "--dry-run", "--project", own, env=env)
        report = self.report("member")
        half = VOLUMES // 2
        expected = {"backups": half * CHAIN, "snapshots": half}
        self.expect(code == 0 and report["chosen"] == expected, f"{report['chosen']} {out[-1500:]}")
        code, out = self.purge("member2", ids, "--dry-run", "--project", self.cloud.projects["two"], env=env)
        other = self.report("member2")["chosen"]
        self.expect(code == 0 and other == {"backups": 0, "snapshots": 0}, f"{other} {out[-1500:]}")
        return f"{expected['backups']} of its own, none of another's"

    def nothing_is_gone_while_cinder_backup_is_down(self):
        self.running.stop("cinder-backup")
        leaves = self.ids(self.of_volumes(0, 6))
        time.sleep(12)
        code, out = self.purge("down", leaves, "--yes", "--deadline", "20s", "--retries", "0")
        report = self.report("down")
        left = self.ids(f"{self.of_volumes(0, 6)} AND status = 'available'")
        self.expect(left == leaves, f"{len(left)} of {len(leaves)} are available")
        self.expect(code == 1 and report["gone"]["backups"] == 0 and not report["failed"], out)
        journal = (self.folder / "down.journal").read_text()
        self.expect('"done"' not in journal and DOWN in out, out + journal[-500:])
        return f"exit code 1, gone 0, failed 0; {len(left)} available; said: {DOWN}"

    def it_goes_on_when_cinder_backup_is_up_again(self):
        leaves = self.ids(self.of_volumes(0, 6))
        process = self.begin("down", leaves, "--yes", "--retries", "0")
        time.sleep(15)
        self.running.start_cinder("backup")
        code, out = self.end(process, "down")
        self.expect(code == 0 and not self.ids(self.of_volumes(0, 6)), f"{code} {out[-2000:]}")
        return f"{len(leaves)} gone without a retry, journal resumed"

    def a_journal_of_an_earlier_version_is_healed(self):
        some = self.ids(self.of_volumes(6, 7))
        at = "2026-11-25T10:00:00.000Z"
        endpoint = self.cloud.endpoint
        lines = [{"event": "begin", "at": at, "endpoint": endpoint, "etl": "0.1.0"}]
        for one in some:
            lines.append({"event": "sent", "at": at, "kind": "backup", "id": one, "try": 1})
            lines.append({"event": "done", "at": at, "kind": "backup", "id": one})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (self.folder / "healed.journal").write_text(text)
        code, out = self.purge("healed", some, "--yes")
        report = self.report("healed")
        self.expect(code == 0 and not self.ids(self.of_volumes(6, 7)), out)
        self.expect(report["gone"]["backups"] == len(some) and report["deleted_by_earlier_runs"] == 0, str(report))
        return f"{len(some)} `done` that existed: deleted now, none counted as an earlier run's"

    def failures_are_tried_again_and_what_stays_is_named(self):
        ids = self.ids(self.of_volumes(30, 33)) + self.ids(self.of_volumes(33, 34), "snapshots")
        code, out = self.purge("failing", ids, "--yes", "--retries", "2")
        report = self.report("failing")
        failed = {entry["id"]: entry for entry in report["failed"]}
        copy = self.ids("display_name = 'fail-99'")[0]
        snapshot = self.ids("display_name = 'fail'", "snapshots")[0]
        self.expect(code == 1 and set(failed) == {copy, snapshot}, f"{code} {failed} {out[-2000:]}")
        reason = failed[copy]["reason"]
        self.expect(failed[copy]["tries"] == 3 and "the storage refuses" in reason, reason)
        blocked = {entry["id"] for entry in report["blocked"]}
        self.expect(len(blocked) == 2 and report["gone"]["backups"] == 12, f"{blocked} {report['gone']}")
        return f"2 of 2 that pass gone; {reason!r} after 3 tries, its 2 parents wait; snapshot: {failed[snapshot]['reason']!r}"

    def a_status_that_forbids_it_is_tried_once(self):
        one = self.ids(self.of_volumes(7, 8))[0]
        leaf = self.running.sql(
            "cinder",
            f"SELECT id FROM backups b WHERE NOT deleted AND {self.of_volumes(7, 8)} AND num_dependent_backups = 0",
        )
        self.running.sql("cinder", f"UPDATE backups SET status = 'restoring' WHERE id = '{leaf}'")
        code, out = self.purge("status", [leaf], "--yes")
        self.running.sql("cinder", f"UPDATE backups SET status = 'available' WHERE id = '{leaf}'")
        failed = self.report("status")["failed"][0]
        self.expect(one and code == 1 and failed["tries"] == 1, f"{failed}")
        self.expect(failed["reason"].startswith("400: ") and "restoring" in failed["reason"], failed["reason"])
        return f"{failed['reason']!r}, 1 try"

    def keystone_down_behind_cinder_is_waited_out(self):
        ids = self.ids(self.of_volumes(8, 14))
        process = self.begin("outage", ids, "--yes", "--retries", "0", "--burst", "2")
        wait(lambda: len(self.ids(self.of_volumes(8, 14))) < len(ids) - 4, "the first deletions")
        self.running.stop("keystone")
        time.sleep(20)
        self.running.start_keystone()
        code, out = self.end(process, "outage")
        log = (self.folder / "outage.log").read_text()
        self.expect(code == 0 and not self.ids(self.of_volumes(8, 14)), f"{code} {out[-2500:]}")
        said = re.findall(r"(503: [^\n]*|the cloud does not answer[^\n]*)", out + log)
        return f"{len(ids)} gone without a retry; said: {said[0][:110] if said else 'nothing'}"

    def a_kill_costs_nothing(self):
        ids = self.ids(self.of_volumes(14, 30)) + self.ids(self.of_volumes(14, 30), "snapshots")
        deletes = self.accepted()
        process = self.begin("killed", ids, "--yes")
        wait(lambda: len(self.ids(self.of_volumes(14, 30))) < 60, "the first deletions", 200)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = len(self.ids(self.of_volumes(14, 30)))
        code, out = self.purge("killed", ids, "--yes")
        rest = self.ids(self.of_volumes(14, 30)) + self.ids(self.of_volumes(14, 30), "snapshots")
        self.expect(code == 0 and not rest, f"{code} {len(rest)} {out[-2000:]}")
        sent = self.accepted() - deletes
        twice = [one for one, count in sent.items() if count > 1]
        self.expect(not twice and len(sent) == len(ids), f"{len(sent)} of {len(ids)}, {len(twice)} twice")
        return f"killed with {left} of 80 copies left; resumed: all {len(ids)} gone, each accepted once"

    def the_rest_goes(self):
        self.running.sql("cinder", "UPDATE backups SET display_name = 'copy' WHERE NOT deleted")
        self.running.sql("cinder", "UPDATE snapshots SET display_name = 'snapshot' WHERE NOT deleted")
        ids = self.ids() + self.ids(table="snapshots")
        code, out = self.purge("rest", ids, "--yes")
        rest = self.ids() + self.ids(table="snapshots")
        self.expect(code == 0 and not rest, f"{code} {len(rest)} {out[-2000:]}")
        files = sum(1 for path in (self.folder / "cinder" / "backup").rglob("*") if path.is_file())
        self.expect(files == 0, f"{files} files of copies are left")
        return f"{len(ids)} gone; the driver's folder has no file of a copy"

    def a_dump_of_cinder_says_whose_copies_are(self):
        (self.folder / "whose").mkdir(exist_ok=True)
        dump = self.folder / "cinder.sql"
        code, out = self.check(dump)
        self.expect("its driver is" in out and DRIVER in out and "backup_services" in out, out[-3000:])
        rejected = re.search(r"^ *backups +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+)", out, re.M)
        code, skipped = self.check(dump, "--backup-services", "vbs.driver")
        self.expect(f"other-service by driver: {DRIVER} {VOLUMES * CHAIN}" in " ".join(skipped.split()), skipped[-3000:])
        return f"unset: {rejected[5]} rejected, the driver named; set: {VOLUMES * CHAIN} skipped as {DRIVER}"

    def check(self, dump, *more):
        arguments = [self.etl, "check", dump, "--no-log", *more]
        done = subprocess.run(arguments, cwd=self.folder / "whose", capture_output=True, text=True, env=self.environment())
        return done.returncode, done.stdout + done.stderr

    def no_second_has_more_than_ten(self):
        times = sorted(self.arrivals())
        most = 0
        for n, first in enumerate(times):
            within = [at for at in times[n:] if at - first < datetime.timedelta(seconds=1)]
            most = max(most, len(within))
        self.expect(0 < most <= 10, f"{most} within a second")
        return f"{len(times)} delete requests, at most {most} within a second, by Cinder's own log"

    # What Cinder's log says: a line when a request comes, and one when it was served.

    def arrivals(self):
        log = (self.folder / "cinder-api.log").read_text(errors="replace")
        found = re.findall(r"^(\S+ \S+) \d+ INFO cinder\.api\.openstack\.wsgi .*\] DELETE http", log, re.M)
        return [datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f") for text in found]

    def accepted(self):
        log = (self.folder / "cinder-api.log").read_text(errors="replace")
        return collections.Counter(re.findall(r'"DELETE /v3/\w+/\w+/([-\w]+) HTTP/1\.1" status: 202', log))

    ORDER = (
        a_dry_run_lists_every_page,
        a_region_is_asked_for,
        an_application_credential_is_enough,
        a_member_s_project_is_its_own,
        nothing_is_gone_while_cinder_backup_is_down,
        it_goes_on_when_cinder_backup_is_up_again,
        a_journal_of_an_earlier_version_is_healed,
        failures_are_tried_again_and_what_stays_is_named,
        a_status_that_forbids_it_is_tried_once,
        keystone_down_behind_cinder_is_waited_out,
        a_kill_costs_nothing,
        the_rest_goes,
        no_second_has_more_than_ten,
        a_dump_of_cinder_says_whose_copies_are,
    )

    def all(self):
        begun = time.monotonic()

        def say(text):
            print(f"{time.monotonic() - begun:6.0f} s  {text}", flush=True)

        self.running.all()
        say("the services run")
        self.cloud.populate()
        self.running.dump("cinder", self.folder / "cinder.sql")
        say(f"{len(self.ids())} copies and {len(self.ids(table='snapshots'))} snapshots are made")
        self.running.short_tokens()
        self.cloud.tokens.clear()
        failed = 0
        for check in self.ORDER:
            name = check.__name__.replace("_", " ")
            try:
                say(f"ok      {name}: {check(self)}")
            except (Failed, OSError, LookupError, TypeError, requests.RequestException) as error:
                failed += 1
                say(f"FAILED  {name}: {type(error).__name__}: {error}")
        print(f"\n{len(self.ORDER) - failed} of {len(self.ORDER)} checks passed")
        return failed


def main():
    etl, folder = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    checks = Checks(etl, services.temporary(folder))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    try:
        return 1 if checks.all() else 0
    finally:
        checks.running.stop_all()


if __name__ == "__main__":
    sys.exit(main())
