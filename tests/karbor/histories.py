"""What fires after each kind of history of imports, restarts and changes, against what `etl policies` says."""

from installation import DUMPS, Karbor, rescheduled, without

FORTNIGHT = 14


def compare(karbor, label, trusts=('usable',), days=FORTNIGHT):
    """Restarts the engine, and once more halfway; compares what fires with what `etl policies` says."""
    due, fired, backups = karbor.due(days), [], []
    for part in (days // 2, days - days // 2):
        error = karbor.restart(trusts=trusts)
        if error:
            return False, '%s: the engine does not start: %s' % (label, error)
        done = karbor.run(part)
        fired += done['fired']
        backups += done['backups']
    karbor.stop()
    fired.sort()
    once = set(map(tuple, fired))
    missing = len(set(map(tuple, due)) - once)
    extra = len(once - set(map(tuple, due)))
    double = len(fired) - len(once)
    said = '%s: %d due, %d fired, %d missing, %d at other times, %d double, %d backed up' % (
        label, len(due), len(fired), missing, extra, double, len(backups))
    return fired == due, said


def up(karbor, days=1):
    """An engine that has been running since the import."""
    karbor.restart(trusts=('usable',))
    karbor.run(days)
    karbor.stop()


def imported(kind, *arguments):
    karbor = Karbor(kind)
    karbor.imported(*DUMPS, '--trust-id', 'usable', *arguments)
    return karbor


def first_import(kind):
    return compare(imported(kind), 'import')


def changed_schedules(kind):
    karbor = imported(kind)
    up(karbor)
    karbor.imported(*rescheduled('12:30'), '--trust-id', 'usable')
    return compare(karbor, 'import, engine, run with changed schedules')


def prune(kind):
    karbor = imported(kind)
    up(karbor)
    lost = [row[0] for row in karbor.database.rows(
        "SELECT id FROM plans WHERE description = 'imported_from_vbs' ORDER BY id")][:3]
    karbor.imported(*without(set(lost)), '--trust-id', 'usable', '--prune')
    left = karbor.database.rows("SELECT count(*) FROM plans WHERE id IN ('%s')" % "','".join(lost))[0][0]
    orphans = karbor.database.rows(
        'SELECT count(*) FROM trigger_executions WHERE trigger_id NOT IN (SELECT id FROM triggers)')[0][0]
    good, said = compare(karbor, 'import, engine, prune of %d policies' % len(lost))
    return good and left == orphans == 0, said + '; plans left %d, trigger_executions without trigger %d' % (
        left, orphans)


def sync(kind):
    karbor = imported(kind, '--unsteady', 'carry')
    up(karbor)
    karbor.etl('sync', DUMPS[0].replace('cinder', 'taskmgr'), '--no-log')
    return compare(karbor, 'import, engine, sync')


def rollback(kind):
    karbor = imported(kind)
    up(karbor)
    karbor.etl('rollback', '--source', 'all', '--yes')
    left = karbor.database.rows('SELECT count(*) FROM trigger_executions')[0][0]
    good, said = compare(karbor, 'import, engine, rollback')
    return good and left == 0, said + '; trigger_executions left %d' % left


def again(kind):
    karbor = imported(kind)
    up(karbor)
    karbor.etl('rollback', '--source', 'all', '--yes')
    karbor.imported(*rescheduled('12:30'), '--trust-id', 'usable')
    return compare(karbor, 'import, engine, rollback, import with other schedules')


def trust_later(kind):
    karbor = Karbor(kind)
    karbor.imported()
    up(karbor, 4)
    karbor.imported(*DUMPS, '--trust-id', 'usable')
    left = karbor.database.rows("SELECT count(*) FROM scheduled_operation_states WHERE trust_id = 'imported'")[0][0]
    due = len(karbor.due(FORTNIGHT))
    good, said = compare(karbor, 'import without trusts, engine, run with --trust-id')
    return good and left == 0 and said.endswith(', %d backed up' % due), said + '; placeholders left %d' % left


def service_later(kind):
    karbor = imported(kind)
    up(karbor, 4)
    karbor.restart(host='ctl2')
    karbor.stop()
    karbor.imported(*DUMPS, '--trust-id', 'usable', '--service-id', '2')
    left = karbor.database.rows('SELECT count(*) FROM scheduled_operation_states WHERE service_id <> 2')[0][0]
    return left == 0, 'import, engine, run with --service-id of another: %d states left with the first' % left


HISTORIES = [first_import, changed_schedules, prune, sync, rollback, again, trust_later, service_later]
