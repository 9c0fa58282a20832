"""A Karbor installation to try imports on: a database, an operation engine that can be restarted, and etl's commands."""

import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ETL = os.environ['ETL']
WORK = os.environ['ETL_KARBOR_WORK']
USER = 'c0ffee00-0000-4000-8000-000000000001'
SINCE = datetime.datetime(2018, 1, 1)
DAYS = ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN']

CREATE = '''
import sys
from oslo_config import cfg
from karbor.common import config
from karbor.db import migration
cfg.CONF(['--config-file', sys.argv[1]], project='karbor')
migration.db_sync()
'''


class Sqlite:
    name = 'SQLite'

    def __init__(self, name):
        self.path = os.path.join(WORK, name + '.db')
        self.target, self.url = self.path, 'sqlite:///' + self.path

    def copy(self, other):
        shutil.copy(other.path, self.path)

    def rows(self, sql):
        connection = sqlite3.connect(self.path)
        with connection:
            rows = connection.execute(sql).fetchall()
        connection.close()
        return rows

    run = rows


class Postgres:
    name = 'PostgreSQL'

    def __init__(self, name):
        self.database = name
        self.target, self.url = 'postgresql:///' + name, 'postgresql+psycopg2:///' + name

    def copy(self, other):
        subprocess.run(['createdb', '-T', other.database, self.database], check=True)

    def make(self):
        subprocess.run(['createdb', self.database], check=True)

    def rows(self, sql):
        import psycopg2
        connection = psycopg2.connect(dbname=self.database)
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows

    run = rows


def schema_of_items(kind):
    """The fork's table, which upstream's migrations lack, as etl has it."""
    name = 'postgresql' if kind is Postgres else 'sqlite'
    text = subprocess.run([ETL, 'schema', '--for', name], capture_output=True, text=True, check=True).stdout
    return [part for part in text.split(';\n') if 'checkpoint_items (' in part and 'CREATE' in part]


class Karbor:
    """A database that Karbor's own migrations made, and at most one engine on it."""

    templates = {}
    made = 0

    def __init__(self, kind, strategy='multi_node', now='2026-12-01 00:00:00'):
        Karbor.made += 1
        self.now, self.process, self.strategy = now, None, strategy
        self.database = kind('karbor_%d' % Karbor.made)
        if kind not in self.templates:
            template = kind('karbor_%s' % kind.name.lower())
            if kind is Postgres:
                template.make()
            config = self.configure(template)
            subprocess.run([sys.executable, '-c', CREATE, config], check=True, capture_output=True)
            for statement in schema_of_items(kind):
                template.run(statement)
            self.templates[kind] = template
        self.database.copy(self.templates[kind])
        error = self.restart()
        if error:
            raise RuntimeError('the engine does not start on an empty database: ' + error)
        self.stop()

    def configure(self, database):
        path = os.path.join(WORK, 'karbor.conf')
        with open(path, 'w') as file:
            file.write('[DEFAULT]\ntransport_url = fake://\nrpc_response_timeout = 30\nscheduling_strategy = %s\n'
                       'trigger_poll_interval = 10000000\n[database]\nconnection = %s\nsqlite_synchronous = false\n'
                       % (self.strategy, database.url))
        return path

    # The engine.

    def restart(self, host='ctl1', trusts=()):
        """Starts an engine, a running one having been stopped; returns its error if it does not start."""
        self.stop()
        settings = {'config': self.configure(self.database), 'host': host, 'now': self.now}
        self.log = open(os.path.join(WORK, self.database.url.rsplit('/', 1)[1] + '.log'), 'a')
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, 'engine.py'), json.dumps(settings)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.call('trust', *trusts)
        return self.call('start').get('error')

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.log.close()
            self.process = None

    def call(self, *request):
        self.process.stdin.write(json.dumps(request) + '\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError('the engine ended: see ' + self.log.name)
        return json.loads(line)

    def run(self, days):
        """Lets the engine run; returns what fired and what was backed up."""
        self.now = str(datetime.datetime.fromisoformat(self.now) + datetime.timedelta(days=days))
        return self.call('run', self.now)

    def request(self, method, path, user, project, body=None):
        return self.call('request', method, path, user, project, body)

    # etl.

    def etl(self, command, *arguments, exits=(0, 3)):
        """Runs a command of etl with this target; returns its report."""
        line = [ETL, command, *arguments, '--target', self.database.target]
        done = subprocess.run(line, capture_output=True, text=True, cwd=WORK)
        if done.returncode not in exits:
            raise RuntimeError('%s: exit code %d\n%s%s' % (line, done.returncode, done.stdout, done.stderr))
        return ' '.join(done.stdout.split())

    def imported(self, *dumps, **more):
        """A first import, the engine being down."""
        return self.etl('run', *(dumps or DUMPS), '--no-log', '--user-id', USER, **more)

    def due(self, days):
        """What `etl policies` says is due from now on: (time, operation), sorted."""
        start = datetime.datetime.fromisoformat(self.now)
        found = []
        for plan in json.loads(self.etl('policies', '--as', 'json')):
            for operation in plan['operations']:
                if operation['enabled']:
                    times = due(operation['scheduled_policy'], start, start + datetime.timedelta(days=days))
                    found += [[str(time), operation['id']] for time in times]
        return sorted(found)


def due(policy, after, until):
    """The times of a policy in VBS's form in (after, until]: start times in UTC, days of the week on the user's clock, numbers
    of days counted from the triggers' start time in UTC."""
    zone = policy.get('time_zone')
    east = datetime.timedelta()
    if zone:
        hours, minutes = zone[4:].split(':')
        east = datetime.timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if zone[3] == '-' else 1)
    day = after.replace(hour=0, minute=0, second=0)
    while day <= until:
        for clock in policy['start_time'].split(','):
            hour, minute = clock.split(':')
            time = day + datetime.timedelta(hours=int(hour), minutes=int(minute))
            if 'frequency' in policy:
                wanted = (day - SINCE).days % policy['frequency'] == 0
            else:
                wanted = DAYS[(time + east).weekday()] in policy['week_frequency']
            if wanted and after < time <= until:
                yield time
        day += datetime.timedelta(days=1)




# Dumps.

SOURCE = os.path.join(HERE, '..', '..', 'fixtures', 'dumps')
DUMPS = [os.path.join(SOURCE, name) for name in ('cinder.sql', 'vbs.sql', 'dps.sql')]


def edited(name, edit):
    """The sample dump of VBS with `edit(table, row)` in the place of each row; None leaves the row out."""
    lines, table, columns = [], None, []
    with open(DUMPS[1]) as file:
        for line in file:
            if line.startswith('COPY '):
                table = line.split()[1]
                columns = line[line.index('(') + 1:line.index(')')].split(', ')
            elif line == '\\.\n':
                table = None
            elif table:
                row = edit(table, dict(zip(columns, line.rstrip('\n').split('\t'))))
                if row is None:
                    continue
                line = '\t'.join(row.values()) + '\n'
            lines.append(line)
    path = os.path.join(WORK, name)
    with open(path, 'w') as file:
        file.writelines(lines)
    return [DUMPS[0], path, DUMPS[2]]


def rescheduled(time):
    """The sample dumps after the customers moved the schedules of all policies to a time of each day."""
    def edit(table, row):
        if table == 'backup_policy':
            row.update(back_up_start_time=time, back_up_frequency='1', week_frequency='\\N',
                       updated_at='2026-11-30 10:00:00')
        return row
    return edited('vbs-%s.sql' % time.replace(':', ''), edit)


def without(policies):
    """The sample dumps after VBS has lost policies."""
    def edit(table, row):
        return None if policies.intersection(row.values()) else row
    return edited('vbs-pruned.sql', edit)
