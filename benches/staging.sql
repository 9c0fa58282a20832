-- The checkpoint items of cinder's backups by one statement, as a strong engineer would write it without a tool.
-- It leaves out much of the contract (policies, rejections, faulty JSON) and so flatters itself.
INSERT INTO checkpoint_items (id, created_at, updated_at, deleted, checkpoint_id, project_id, user_id, provider_id, plan_id,
    resource_id, resource_name, resource_type, resource_az, name, description, status, version, size, protected_at,
    backup_data, extend_info)
SELECT b.id, b.created_at, b.updated_at, false, md5('vbs/checkpoint/' || b.id)::uuid::text, b.project_id, b.user_id,
    '1dc03359-1301-467b-9972-1a7599ae791d', l.policy_id, b.volume_id, b.volume_id, 'OS::Cinder::Volume',
    b.availability_zone, b.display_name, b.display_description,
    CASE b.status WHEN 'error_restoring' THEN 'available' WHEN 'error_deleting' THEN 'error' ELSE b.status END, '0.5',
    b.size, coalesce(b.data_timestamp, b.created_at), '{}',
    (jsonb_build_object(
        'auto_trigger', l.policy_id IS NOT NULL OR b.display_name LIKE 'autobk\_%',
        'average_speed', coalesce((sm ->> 'AT')::numeric, 0), 'bootable', coalesce((sm ->> 'bootable')::boolean, false),
        'copy_from', '', 'copy_status', 'na', 'fail_code', '{}'::jsonb, 'fail_op', '',
        'fail_reason', coalesce(b.fail_reason, ''),
        'image_type', CASE WHEN sm ->> 'ST' IN ('4', '5') THEN 'replication' ELSE 'backup' END,
        'incremental', sm ->> 'Type' = '1', 'progress', 100, 'resource_az', b.availability_zone,
        'resource_name', b.volume_id, 'resource_type', 'OS::Cinder::Volume',
        'size', coalesce((sm ->> 'CS')::numeric, b.object_count, 0), 'snapshot_id', coalesce(b.snapshot_id, ''),
        'space_saving_ratio', coalesce((sm ->> 'SS')::numeric, 0), 'supported_restore_mode', 'backup',
        'support_lld', false, 'taskid', coalesce(sm ->> 'ebk_T_I', ''), 'os_images_data', '[]'::jsonb)
    || jsonb_build_object('volume_backups', jsonb_build_array(jsonb_build_object(
        'id', b.id, 'name', b.display_name, 'status', b.status, 'bootable', coalesce((sm ->> 'bootable')::boolean, false),
        'incremental', sm ->> 'Type' = '1', 'image_type', 'backup',
        'average_speed', coalesce((sm ->> 'AT')::numeric, 0), 'size', coalesce((sm ->> 'CS')::numeric, b.object_count, 0),
        'snapshot_id', coalesce(b.snapshot_id, ''), 'source_volume_id', b.volume_id, 'source_volume_name', b.volume_id,
        'source_volume_size', b.size, 'space_saving_ratio', coalesce((sm ->> 'SS')::numeric, 0)))))::text
FROM (SELECT *, CASE WHEN service_metadata LIKE '{%' THEN service_metadata::jsonb ELSE '{}' END AS sm
      FROM staging.backups) b
LEFT JOIN (SELECT resource_id, backup_name, min(policy_id) AS policy_id FROM staging.backup_create_running_job_record
      GROUP BY resource_id, backup_name HAVING count(DISTINCT policy_id) = 1) l
    ON l.resource_id = b.volume_id AND l.backup_name = b.display_name
WHERE b.deleted IS NOT TRUE AND b.status IN ('available', 'error', 'error_restoring', 'error_deleting');
