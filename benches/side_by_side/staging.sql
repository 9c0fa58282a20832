-- The checkpoint items of cinder's backups by one statement, as a strong engineer would write it without a tool: statistics
-- first, so that the joins are hash joins; each JSON text parsed once; no sorting.
-- It leaves out much of the contract (policies, rejections, faulty JSON, what display_description says) and so flatters itself.
ANALYZE staging.backups;
ANALYZE staging.backup_create_running_job_record;
INSERT INTO checkpoint_items (id, created_at, updated_at, deleted, checkpoint_id, project_id, user_id, provider_id, plan_id,
    resource_id, resource_name, resource_type, resource_az, name, description, status, version, size, protected_at,
    backup_data, extend_info)
SELECT b.id, b.created_at, b.updated_at, false, md5('vbs/checkpoint/' || b.id)::uuid::text, b.project_id, b.user_id,
    '1dc03359-1301-467b-9972-1a7599ae791d', l.policy_id, b.volume_id, b.volume_id, 'OS::Cinder::Volume',
    b.availability_zone, b.display_name, b.display_description, b.steady, '0.5', b.size,
    coalesce(b.data_timestamp, b.created_at), '{}',
    jsonb_build_object(
        'auto_trigger', l.policy_id IS NOT NULL OR b.display_name LIKE 'autobk\_%', 'average_speed', coalesce("AT", 0),
        'bootable', coalesce(bootable, false), 'copy_from', '', 'copy_status', 'na', 'fail_code', '{}'::jsonb, 'fail_op', '',
        'fail_reason', coalesce(b.fail_reason, ''),
        'image_type', CASE WHEN "ST" IN (4, 5) THEN 'replication' ELSE 'backup' END, 'incremental', "Type" = 1,
        'progress', 100, 'resource_az', b.availability_zone, 'resource_name', b.volume_id,
        'resource_type', 'OS::Cinder::Volume', 'size', coalesce("CS", b.object_count, 0),
        'snapshot_id', coalesce(b.snapshot_id, ''), 'space_saving_ratio', coalesce("SS", 0),
        'supported_restore_mode', 'backup', 'support_lld', false, 'taskid', coalesce("ebk_T_I", ''),
        'os_images_data', '[]'::jsonb,
        'volume_backups', jsonb_build_array(jsonb_build_object(
            'id', b.id, 'name', b.display_name, 'status', b.steady, 'bootable', coalesce(bootable, false),
            'incremental', "Type" = 1, 'image_type', CASE WHEN "ST" IN (4, 5) THEN 'replication' ELSE 'backup' END,
            'average_speed', coalesce("AT", 0), 'size', coalesce("CS", b.object_count, 0),
            'snapshot_id', coalesce(b.snapshot_id, ''), 'source_volume_id', b.volume_id,
            'source_volume_name', b.volume_id, 'source_volume_size', b.size,
            'space_saving_ratio', coalesce("SS", 0))))::text
FROM (SELECT *,
          CASE status WHEN 'error_restoring' THEN 'available' WHEN 'error_deleting' THEN 'error' ELSE status END AS steady
      FROM staging.backups
      WHERE deleted IS NOT TRUE AND status IN ('available', 'error', 'error_restoring', 'error_deleting')) b
CROSS JOIN LATERAL
    jsonb_to_record(CASE WHEN service_metadata LIKE '{%' THEN service_metadata::jsonb ELSE '{}' END)
        AS m("AT" numeric, bootable boolean, "ST" integer, "Type" integer, "CS" numeric, "SS" numeric, "ebk_T_I" text)
LEFT JOIN (SELECT resource_id, backup_name, min(policy_id) AS policy_id FROM staging.backup_create_running_job_record
      GROUP BY resource_id, backup_name HAVING min(policy_id) = max(policy_id)) l
    ON l.resource_id = b.volume_id AND l.backup_name = b.display_name;
