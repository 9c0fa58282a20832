"""Karbor 1.6.0 in one process: its API, its operation engine and its database layer, under a clock that is moved by hand.

Requests are lines of JSON on standard input, replies lines of JSON on standard output; `installation.py` is the other end. Ending the
process and starting another is a restart. What is not Karbor's own:

* the clock: `datetime` in Karbor's modules, and the time of oslo.utils;
* Keystone: a trust yields a token if it was made here or is named by a request `trust`; all others are refused;
* the protection service: each checkpoint that the engine asks it for is recorded, and every provider is known;
* the types of operations: the fork's `backup` and `replication` are run as upstream's `retention_protect`;
* PostgreSQL: upstream compares a boolean with 0 in two joins, which only MySQL and SQLite allow; it is compared with false here.
"""

import datetime as datetime_module
import json
import os
import re
import sys

import eventlet

eventlet.monkey_patch(thread=True, time=True, socket=True, select=True, os=False)

REPLIES = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)

from oslo_config import cfg  # noqa: E402
from oslo_utils import timeutils  # noqa: E402

REAL = datetime_module.datetime


class Clock(type):
    """The class of `datetime` in Karbor's modules: every real datetime is an instance of it."""

    now = REAL(2026, 1, 1)

    def __instancecheck__(cls, value):
        return isinstance(value, REAL)


class Datetime(REAL, metaclass=Clock):
    @classmethod
    def utcnow(cls):
        return Clock.now

    @classmethod
    def now(cls, tz=None):
        return Clock.now


def move(now):
    Clock.now = now
    timeutils.set_time_override(now)


def patch_clock():
    for name, module in list(sys.modules.items()):
        if name.startswith('karbor.') and getattr(module, 'datetime', None) is REAL:
            module.datetime = Datetime


def patch_postgresql():
    from sqlalchemy import engine, event

    @event.listens_for(engine.Engine, 'before_cursor_execute', retval=True)
    def compare_with_false(connection, cursor, statement, parameters, context, executemany):
        if connection.dialect.name == 'postgresql' and isinstance(parameters, dict):
            of_joins = re.compile(r'deleted_\d+')
            parameters = {name: bool(value) if of_joins.fullmatch(name) else value for name, value in parameters.items()}
        return statement, parameters


class Keystone:
    """Trusts: those that yield a token."""

    trusts = set()

    def __init__(self):
        self.auth_uri = 'http://keystone.invalid/v3/'

    def create_trust_to_karbor(self, context):
        trust = 'made-%d-for-%s' % (len(self.trusts), context.user_id)
        self.trusts.add(trust)
        return trust

    def delete_trust_to_karbor(self, trust):
        if trust not in self.trusts:
            raise RuntimeError('keystone: no trust %s' % trust)
        self.trusts.discard(trust)

    def create_trust_session(self, trust):
        return Session(trust)

    def get_service_endpoint(self, *_):
        return 'http://karbor.invalid/v1/%(project_id)s'


class Session:
    def __init__(self, trust):
        self.trust = trust

    def get_token(self):
        if self.trust not in Keystone.trusts:
            raise RuntimeError('keystone: no trust %s' % self.trust)
        return 'token of ' + self.trust


class Protection:
    """The client of the protection service: records what it is asked for."""

    asked = []

    def __init__(self):
        self.checkpoints = self

    def create(self, provider_id, plan_id, extra_info=None):
        self.asked.append([str(Clock.now), extra_info['scheduled_operation_id']])

    def list(self, **_):
        return []


class Karbor:
    def __init__(self, settings):
        from karbor.common import config  # noqa: F401  registers Karbor's options
        from karbor import objects, rpc, service
        objects.register_all()
        conf = cfg.CONF
        conf(['--config-file', settings['config']], project='karbor')
        from karbor.services.operationengine import karbor_client
        from karbor.services.operationengine import manager, user_trust_manager  # noqa: F401
        from karbor.services.operationengine.engine.executors import green_thread_executor
        from karbor.services.operationengine.engine.triggers.timetrigger import (  # noqa: F401
            time_trigger, time_trigger_multi_node)
        from karbor.services.operationengine.operations import retention_operation
        from karbor.services.protection import api as protection
        from karbor.api.middleware import fault
        from karbor.api.v1 import router
        user_trust_manager.karbor_keystone_plugin.KarborKeystonePlugin = Keystone
        karbor_client.karbor_keystone_plugin.KarborKeystonePlugin = Keystone
        karbor_client.create = lambda context, **_: Protection()
        protection.API.show_provider = lambda *_: {'extended_info_schema': {'options_schema': {}}}
        self.started, self.fired = False, []
        self.triggers = time_trigger_multi_node.TimeTrigger
        patch_clock()
        patch_postgresql()
        execute = green_thread_executor.GreenThreadExecutor.execute_operation

        def record(executor, operation, now, *rest, **more):
            self.fired.append([str(now), operation])
            return execute(executor, operation, now, *rest, **more)

        green_thread_executor.GreenThreadExecutor.execute_operation = record
        move(REAL.fromisoformat(settings['now']))
        self.service = service.Service.create(
            host=settings['host'], binary='karbor-operationengine', report_interval=0, periodic_interval=0)
        types = self.service.manager.operation_manager._ops_map
        for name in ('backup', 'replication'):
            types[name] = types[retention_operation.RetentionProtectOperation.OPERATION_TYPE]
        rpc.init(conf)
        self.router, self.fault = router.APIRouter, fault.FaultWrapper
        self.app = None

    def start(self):
        """Starts the engine as Karbor's service does; its error is the reply."""
        try:
            self.service.start()
        except Exception as error:
            return {'error': '%s: %s' % (type(error).__name__, str(error).splitlines()[0])}
        self.started = True
        return {'service_id': self.service.service_id}

    def run(self, until):
        """Moves the clock from one due time to the next, until a time; returns what fired and what was backed up."""
        from karbor import context, db
        until = REAL.fromisoformat(until)
        self.fired, Protection.asked = [], []
        while True:
            execution = db.trigger_execution_get_next(context.get_admin_context())
            if execution is None or execution.execution_time > until:
                break
            move(max(Clock.now, execution.execution_time))
            self.triggers._loop()
            # The green threads of this time end before the next.
            for _ in range(1000):
                if not self.service.manager.executor._operation_thread_map:
                    break
                eventlet.sleep(0)
        move(until)
        return {'fired': self.fired, 'backups': Protection.asked}

    def request(self, method, path, user, project, body=None):
        """A request to the API of a member of a project."""
        import webob
        from karbor.context import RequestContext
        if self.app is None:
            self.app = self.fault(self.router.factory({}))
            patch_clock()
        request = webob.Request.blank('/%s/%s' % (project, path), method=method)
        request.environ['karbor.context'] = RequestContext(
            user, project, is_admin=False, roles=['member'], auth_token='x', auth_token_info={'token': {}})
        if body is not None:
            request.content_type, request.json = 'application/json', body
        response = request.get_response(self.app)
        if method != 'GET':
            # What the API casts to the engine takes effect.
            eventlet.sleep(0.3)
        return {'status': response.status_int, 'body': response.json if response.body else None}

    def trust(self, *trusts):
        Keystone.trusts.update(trusts)
        return {}


def main():
    karbor = Karbor(json.loads(sys.argv[1]))
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        reply = getattr(karbor, name)(*arguments)
        REPLIES.write(json.dumps(reply) + '\n')
        REPLIES.flush()
    os._exit(0)


main()
