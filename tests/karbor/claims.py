"""What the documentation and the messages of etl say of Karbor's engine and API, each tried on them."""

import datetime
import os
import subprocess

from histories import compare, imported
from installation import DUMPS, USER, WORK, Karbor

PLACEHOLDER = 'imported'


def placeholders(karbor):
    sql = "SELECT count(*) FROM scheduled_operation_states WHERE trust_id = '%s'" % PLACEHOLDER
    return karbor.database.rows(sql)[0][0]


def a_daily_operation(karbor):
    """An imported operation that runs every day: its id, plan, trigger, project and provider."""
    rows = karbor.database.rows(
        'SELECT o.id, p.id, o.trigger_id, o.project_id, p.provider_id, t.properties FROM scheduled_operations o '
        'JOIN triggers t ON t.id = o.trigger_id JOIN plans p ON p.project_id = o.project_id '
        "WHERE o.operation_type = 'backup' AND p.project_id IN "
        '(SELECT project_id FROM scheduled_operations GROUP BY project_id HAVING count(*) = 1) ORDER BY o.id')
    return next(row[:5] for row in rows if 'FREQ=DAILY;BYHOUR' in row[5])


def due(karbor, operation, days):
    return sum(name == operation for _, name in karbor.due(days))


def create_operation(karbor, plan, project, provider, hour):
    """A trigger and an operation made through the API: the reply."""
    pattern = 'BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=%d;BYMINUTE=0\nEND:VEVENT' % hour
    trigger = karbor.request('POST', 'triggers', USER, project, {'trigger_info': {
        'name': 'own', 'type': 'time',
        'properties': {'pattern': pattern, 'start_time': '2026-01-01 00:00:00', 'format': 'calendar'}}})
    return karbor.request('POST', 'scheduled_operations', USER, project, {'scheduled_operation': {
        'name': 'own', 'operation_type': 'retention_protect', 'trigger_id': trigger['body']['trigger_info']['id'],
        'operation_definition': {'plan_id': plan, 'provider_id': provider}}})


def operations_cannot_be_saved(kind):
    karbor = imported(kind)
    karbor.restart()
    operation, plan, trigger, project, _ = a_daily_operation(karbor)
    body = {'scheduled_operation': {'name': 'again'}}
    answer = karbor.request('PUT', 'scheduled_operations/' + operation, USER, project, body)
    shown = karbor.request('GET', 'scheduled_operations/' + operation, USER, project)
    karbor.stop()
    return (answer['status'], shown['status']) == (404, 200), 'PUT of an operation: %d; GET: %d' % (
        answer['status'], shown['status'])


def a_full_page_of_states(kind):
    folder = os.path.join(WORK, 'many')
    subprocess.run([os.environ['ETL_DUMPS'], '--out', folder, '--policies', '120', '--dps-plans', '40'],
                   check=True, capture_output=True)
    karbor = Karbor(kind)
    karbor.imported(*(os.path.join(folder, name) for name in ('cinder.sql', 'vbs.sql', 'dps.sql')), '--trust-id', 'x')
    karbor.database.run('DELETE FROM scheduled_operation_states WHERE id NOT IN '
                        '(SELECT id FROM scheduled_operation_states ORDER BY id LIMIT 100)')
    full = karbor.restart()
    said = karbor.etl('status')
    karbor.database.run('DELETE FROM scheduled_operation_states WHERE id IN '
                        '(SELECT max(id) FROM scheduled_operation_states)')
    less = karbor.restart()
    karbor.stop()
    return bool(full) and not less and 'has 100 registered states' in said, \
        '100 states: %s; 99 states: %s; status says it: %s' % (full, less or 'starts', 'has 100 registered' in said)


def wrong_next_times(kind):
    """Status finds what makes firings be missed, and what it advises mends that."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)
    karbor = Karbor(kind, now=str(now))
    karbor.imported(*DUMPS, '--trust-id', 'usable')
    karbor.restart()
    karbor.stop()
    words, found = 'in trigger_executions another next time', []
    trigger = a_daily_operation(karbor)[2]
    found.append(words in karbor.etl('status'))
    karbor.database.run("UPDATE trigger_executions SET execution_time = '%s' WHERE trigger_id = '%s'"
                        % (now + datetime.timedelta(days=300), trigger))
    said = karbor.etl('status')
    found.append('1 imported trigger has ' + words in said and trigger in said)
    karbor.database.run("DELETE FROM trigger_executions WHERE trigger_id = '%s'" % trigger)
    good, told = compare(karbor, 'its row deleted as advised', days=2)
    return good and found == [False, True], 'a next time 300 days off: told before %s, then %s; %s' % (*found, told)


def placeholders_spread(kind):
    karbor = Karbor(kind)
    karbor.imported()
    karbor.restart()
    _, plan, _, project, provider = a_daily_operation(karbor)
    made = create_operation(karbor, plan, project, provider, 3)['body']['scheduled_operation']['id']
    trust = karbor.database.rows(
        "SELECT trust_id FROM scheduled_operation_states WHERE operation_id = '%s'" % made)[0][0]
    done = karbor.run(3)
    karbor.stop()
    fired = sum(operation == made for _, operation in done['fired'])
    backed = len(done['backups'])
    states = sorted(set(row[0] for row in karbor.database.rows('SELECT state FROM scheduled_operation_logs')))
    return trust == PLACEHOLDER and fired == 3 and backed == 0, \
        'an operation made in Karbor after an import without trusts: trust %s, fired %d, backed up %d; logs say %s' % (
            trust, fired, backed, ', '.join(states))


def trusts_made_before_the_restart(kind):
    """What helps where each tenant has a trust of its own."""
    karbor = Karbor(kind)
    karbor.restart()
    karbor.imported()
    # The engine has not read the imported rows yet, so it makes a trust for this user and project.
    operation, plan, _, project, provider = a_daily_operation(karbor)
    made = create_operation(karbor, plan, project, provider, 3)
    trust = karbor.database.rows("SELECT trust_id FROM scheduled_operation_states WHERE operation_id = '%s'"
                                 % made['body']['scheduled_operation']['id'])[0][0]
    karbor.imported()
    found = karbor.database.rows(
        "SELECT trust_id FROM scheduled_operation_states WHERE operation_id = '%s'" % operation)[0][0]
    wanted = due(karbor, operation, 3)
    karbor.restart(trusts=[trust])
    done = karbor.run(3)
    karbor.stop()
    backed = sum(backup == operation for _, backup in done['backups'])
    return trust != PLACEHOLDER and found == trust and backed == wanted > 0, \
        'an operation made in Karbor between import and restart: trust %s; the next run gives the imported one %s; ' \
        '%d of %d backups' % (trust, found, backed, wanted)


def the_newest_state_gives_the_trust(kind):
    karbor = Karbor(kind)
    karbor.restart()
    karbor.imported()
    operation, plan, _, project, provider = a_daily_operation(karbor)
    create_operation(karbor, plan, project, provider, 3)
    trust = karbor.database.rows("SELECT trust_id FROM scheduled_operation_states WHERE trust_id LIKE 'made%'")[0][0]
    backed, wanted = [], due(karbor, operation, 1)
    for times in ('2030-01-01 00:00:00', '2000-01-01 00:00:00'):
        karbor.database.run("UPDATE scheduled_operation_states SET created_at = '%s' WHERE trust_id = '%s'" % (times, trust))
        karbor.restart(trusts=[trust])
        backed.append(sum(backup == operation for _, backup in karbor.run(1)['backups']))
    karbor.stop()
    return backed == [wanted, 0], 'placeholder beside a usable trust of the same user: backed up %d where the usable one is ' \
        'newer, %d where it is older' % tuple(backed)


def the_last_operation_is_not_deleted(kind):
    karbor = Karbor(kind)
    karbor.imported()
    karbor.restart()
    operation, _, _, project, _ = a_daily_operation(karbor)
    path = 'scheduled_operations/' + operation
    first = karbor.request('DELETE', path, USER, project)['status']
    shown = karbor.request('GET', path, USER, project)['body']['scheduled_operation']['enabled']
    state = karbor.database.rows(
        "SELECT state FROM scheduled_operation_states WHERE operation_id = '%s'" % operation)[0][0]
    fired = sum(name == operation for _, name in karbor.run(2)['fired'])
    karbor.restart()
    fired += sum(name == operation for _, name in karbor.run(2)['fired'])
    second = karbor.request('DELETE', path, USER, project)['status']
    karbor.stop()
    return (first, shown, state, fired) == (500, True, 'deleted', 0) and second in (200, 204), \
        "DELETE of a user's last operation with the placeholder: %d, state %s, enabled %s, fired %d; after a restart %d" % (
            first, state, shown, fired, second)


def strategy_default(kind):
    karbor = Karbor(kind, strategy='default')
    karbor.imported(*DUMPS, '--trust-id', 'usable')
    error = karbor.restart(trusts=['usable'])
    _, _, trigger, project, _ = a_daily_operation(karbor)
    shown = karbor.request('GET', 'triggers/' + trigger, USER, project)['body']['trigger_info']
    shown['properties']['pattern'] = 'BEGIN:VEVENT\nRRULE:FREQ=DAILY;BYHOUR=5;BYMINUTE=0\nEND:VEVENT'
    body = {'trigger_info': {'name': 'moved', 'properties': shown['properties']}}
    status = karbor.request('PUT', 'triggers/' + trigger, USER, project, body)['status']
    log = karbor.log.name
    karbor.stop()
    with open(log) as file:
        errors = sorted(set(line.split(':')[0] for line in file if line.startswith(('KeyError', 'TypeError'))))
    return not error and status == 200 and bool(errors), 'strategy default: PUT of a pattern %d; the engine: %s' % (
        status, ', '.join(errors) or 'no error')


def quotas(kind):
    karbor = imported(kind)
    karbor.restart()
    _, plan, _, project, provider = a_daily_operation(karbor)
    body = {'plan': {'name': 'own', 'provider_id': provider, 'parameters': {}, 'resources': [
        {'id': '11111111-1111-4111-8111-111111111111', 'type': 'OS::Cinder::Volume', 'name': 'v'}]}}
    used, statuses = [], []
    sql = "SELECT in_use FROM quota_usages WHERE resource = 'plans' AND project_id = '%s'" % project
    for method, path, body in [('POST', 'plans', body), ('DELETE', 'plans/' + plan, None)]:
        statuses.append(karbor.request(method, path, USER, project, body)['status'])
        used += [row[0] for row in karbor.database.rows(sql)]
    karbor.stop()
    return used == [1, 0], 'quota: a tenant with an imported plan makes one (%d) and deletes the imported one (%d): in_use %s' % (
        *statuses, used)


def another_node_takes_the_firing(kind):
    karbor = imported(kind)
    due = len(karbor.due(2))
    karbor.restart(host='ctl2')
    other = len(karbor.run(2)['fired'])
    karbor.restart(trusts=['usable'])
    own = len(karbor.run(0)['fired'])
    karbor.stop()
    return other == own == 0, 'multi_node: an engine without registered operations passes over %d firings of another: ' \
        'fired %d there, %d here' % (due, other, own)


def the_report_of_a_rollback(kind):
    karbor = imported(kind)
    karbor.restart(trusts=['usable'])
    karbor.run(4)
    _, plan, _, project, _ = a_daily_operation(karbor)
    shown = karbor.request('GET', 'plans/' + plan, USER, project)['body']['plan']
    body = {'plan': {'resources': shown['resources'], 'name': shown['name']}}
    status = karbor.request('PUT', 'plans/' + plan, USER, project, body)['status']
    karbor.stop()
    signs = karbor.etl('rollback', '--source', 'all', '--dry-run')
    exact = karbor.etl('rollback', *DUMPS, '--source', 'all', '--dry-run', '--trust-id', 'usable', '--user-id', USER)
    found = [words for words in ('another status than an imported row', 'since: ,', 'resources: ')
             if words in signs + exact]
    return status == 200 and not found, 'rollback after 4 days and an edit that changes no volume (%d): false words: %s' % (
        status, found or 'none')


CLAIMS = [operations_cannot_be_saved, a_full_page_of_states, wrong_next_times, placeholders_spread, trusts_made_before_the_restart,
          the_newest_state_gives_the_trust, the_last_operation_is_not_deleted, strategy_default, quotas,
          another_node_takes_the_firing, the_report_of_a_rollback]
