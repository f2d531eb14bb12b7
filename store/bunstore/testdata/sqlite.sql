-- answer: values in the text
INSERT INTO "seq_controls" AS c (ns, id, number, wanted, note, noted)
	SELECT 'default', 'id?', 0, 'go', 'note?', CASE WHEN 'note?' = '' THEN NULL ELSE CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) END
	WHERE EXISTS (SELECT 1 FROM "seq_leases" AS l WHERE l.ns = 'default' AND l.name = 'name?' AND l.epoch = 7 AND l.holder = 'holder?' )
	ON CONFLICT (ns, id) DO UPDATE SET
		answered = CASE WHEN min(7, c.number) > c.heard THEN CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) ELSE c.answered END,
		heard = max(c.heard, min(7, c.number)),
		noted = CASE WHEN c.note = excluded.note THEN c.noted ELSE CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) END,
		note = excluded.note
	RETURNING 1;

-- archive what a claim supersedes, one row: values in the text
WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_direction, v_owner, v_executable, v_life, v_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'))
	INSERT INTO "seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM v JOIN "seq_ops" AS o ON o.id = v_id
	WHERE o.ns = 'default' AND o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = v_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- archive what a claim supersedes, two rows: values in the text
WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_direction, v_owner, v_executable, v_life, v_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'), ('it''s', 'it''s', 'it''s', 'it''s', 2, 2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'))
	INSERT INTO "seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM v JOIN "seq_ops" AS o ON o.id = v_id
	WHERE o.ns = 'default' AND o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = v_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- archive what a mark supersedes, one row: values in the text
WITH v (v_id, v_attempt, v_state, v_run, v_due, v_error, v_seq, v_checksum) AS (VALUES ('it''s', 1, 'it''s', 'it''s', 1, 'it''s', 1, 'it''s'))
	INSERT INTO "seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM v JOIN "seq_ops" AS o ON o.id = v_id
	WHERE o.ns = 'default' AND o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = v_attempt AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- archive what a mark supersedes, two rows: values in the text
WITH v (v_id, v_attempt, v_state, v_run, v_due, v_error, v_seq, v_checksum) AS (VALUES ('it''s', 1, 'it''s', 'it''s', 1, 'it''s', 1, 'it''s'), ('it''s', 2, 'it''s', 'it''s', 2, 'it''s', 2, 'it''s'))
	INSERT INTO "seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM v JOIN "seq_ops" AS o ON o.id = v_id
	WHERE o.ns = 'default' AND o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = v_attempt AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- ask: values in the text
INSERT INTO "seq_controls" AS c (ns, id, number, wanted, size, rest, until, actor, reason, asked)
	SELECT 'default', 'id?', 7, 'wanted?', 7, 7, CAST(7 AS bigint), 'actor?', 'reason?', CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
	WHERE 7 = 1 OR EXISTS (SELECT 1 FROM "seq_controls" AS p WHERE p.ns = 'default' AND p.id = 'id?')
	ON CONFLICT (ns, id) DO UPDATE SET
		number = excluded.number, wanted = excluded.wanted, size = excluded.size, rest = excluded.rest, until = excluded.until,
		actor = excluded.actor, reason = excluded.reason, asked = excluded.asked
	WHERE c.number = excluded.number - 1 AND c.wanted <> 'cancel'
	RETURNING 1;

-- authority, one writer: values beside it
SELECT 1 FROM "seq_leases" WHERE ns = 'default' AND name = ?1 AND epoch = ?2 AND holder = ?3;

-- authority, one writer: values in the text
SELECT 1 FROM "seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?';

-- brief: values in the text
SELECT id, nullif(checksum, ''), nullif(error, ''), CASE WHEN state = 'succeeded' THEN NULL ELSE nullif(executable, '') END,
		CASE WHEN state = 'succeeded' THEN NULL ELSE saved END,
		CASE WHEN state = 'succeeded' THEN NULL ELSE CASE WHEN token IS NULL OR finished IS NOT NULL THEN '-' ELSE token END || ' ' || fence || ' ' || seq || ' ' ||
		CASE WHEN state = 'succeeded' AND delivery = 'repeatable' AND generation = 1 AND attempt = 1 AND crashes = 0 AND failures = 0
			AND NOT permanent AND not_before IS NULL AND done = 0 AND total = 0 AND best = 0 AND moved IS NULL AND lease = 'run' AND life = '' AND direction = 'run'
			THEN '-'
			ELSE '+ ' || state || ' ' || delivery || ' ' ||
				CASE WHEN direction IN ('run', 'rollback', 'by hand') THEN '-' ELSE direction END || ' ' ||
				generation || ' ' || attempt || ' ' || crashes || ' ' || failures || ' ' || CASE WHEN permanent THEN 1 ELSE 0 END || ' ' ||
				CASE WHEN not_before IS NULL THEN '-' ELSE CAST(not_before AS text) END || ' ' || done || ' ' || total || ' ' || best || ' ' || coalesce(moved, 0) || ' ' ||
				CASE WHEN lease = '' THEN '-' ELSE lease END || ' ' || CASE WHEN life = '' THEN '-' ELSE life END
		END || ' ' || run END FROM "seq_ops" WHERE ns = 'default' AND TRUE
		UNION ALL SELECT id, NULL, NULL, NULL, NULL, 'saga' FROM "seq_runs" WHERE ns = 'default' AND saga AND (state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga) AND TRUE;

-- checkpoint: values beside it
UPDATE "seq_ops" AS o SET saved = CAST(?1 AS blob), done = ?2, total = ?3, best = max(o.best, ?2), moved = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER),
		crashes = CASE WHEN ?2 <= o.best AND o.saved IS NOT NULL AND o.saved = CAST(?1 AS blob) THEN o.crashes ELSE 0 END
	WHERE o.ns = 'default' AND o.id = ?4 AND o.token = ?5 AND o.finished IS NULL AND o.tx = ?6
	RETURNING id;

-- checkpoint: values in the text
UPDATE "seq_ops" AS o SET saved = CAST(X'78' AS blob), done = 'done?', total = 'total?', best = max(o.best, 'done?'), moved = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER),
		crashes = CASE WHEN 'done?' <= o.best AND o.saved IS NOT NULL AND o.saved = CAST(X'78' AS blob) THEN o.crashes ELSE 0 END
	WHERE o.ns = 'default' AND o.id = 'id?' AND o.token = 'token?' AND o.finished IS NULL AND o.tx = 7
	RETURNING id;

-- claim, one row: values beside it
WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_direction, v_owner, v_executable, v_life, v_checksum) AS (VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12))
	INSERT INTO "seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), v_direction, v_owner, v_executable,
		?13, ?14, v_life, v_checksum
	FROM v
	WHERE v_attempt = 1 OR EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, delivery = excluded.delivery, attempt = excluded.attempt,
		token = excluded.token, started = excluded.started, finished = NULL, direction = excluded.direction, ended = '',
		owner = excluded.owner, executable = excluded.executable,
		lease = excluded.lease, fence = excluded.fence, life = excluded.life, checksum = excluded.checksum,
		generation = excluded.generation,
		saved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.saved END,
		done = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.done END,
		total = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.total END,
		best = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.best END,
		moved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.moved END,
		failures = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.failures END,
		crashes = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.crashes END
	WHERE (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = excluded.attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- claim, one row: values in the text
WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_direction, v_owner, v_executable, v_life, v_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'))
	INSERT INTO "seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), v_direction, v_owner, v_executable,
		'name?', 7, v_life, v_checksum
	FROM v
	WHERE v_attempt = 1 OR EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, delivery = excluded.delivery, attempt = excluded.attempt,
		token = excluded.token, started = excluded.started, finished = NULL, direction = excluded.direction, ended = '',
		owner = excluded.owner, executable = excluded.executable,
		lease = excluded.lease, fence = excluded.fence, life = excluded.life, checksum = excluded.checksum,
		generation = excluded.generation,
		saved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.saved END,
		done = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.done END,
		total = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.total END,
		best = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.best END,
		moved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.moved END,
		failures = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.failures END,
		crashes = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.crashes END
	WHERE (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = excluded.attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- claim, two rows: values in the text
WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_direction, v_owner, v_executable, v_life, v_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'), ('it''s', 'it''s', 'it''s', 'it''s', 2, 2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'))
	INSERT INTO "seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), v_direction, v_owner, v_executable,
		'name?', 7, v_life, v_checksum
	FROM v
	WHERE v_attempt = 1 OR EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, delivery = excluded.delivery, attempt = excluded.attempt,
		token = excluded.token, started = excluded.started, finished = NULL, direction = excluded.direction, ended = '',
		owner = excluded.owner, executable = excluded.executable,
		lease = excluded.lease, fence = excluded.fence, life = excluded.life, checksum = excluded.checksum,
		generation = excluded.generation,
		saved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.saved END,
		done = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.done END,
		total = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.total END,
		best = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.best END,
		moved = CASE WHEN excluded.generation > o.generation THEN NULL ELSE o.moved END,
		failures = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.failures END,
		crashes = CASE WHEN excluded.generation > o.generation THEN 0 ELSE o.crashes END
	WHERE (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = excluded.attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- close lost, one row: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', X'78')), w AS (SELECT v.*, v_order + coalesce((SELECT seq FROM "seq_ops" WHERE seq > 0 ORDER BY seq DESC LIMIT 1), 0) AS v_number FROM v)
	INSERT INTO "seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS blob), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), ended = excluded.ended, error = excluded.error,
		saved = coalesce(excluded.saved, o.saved),
		seq = CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN o.seq
			WHEN excluded.state IN ('succeeded', 'rolled-back') THEN excluded.seq
			WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END,
		crashes = CASE WHEN excluded.ended = 'lost' THEN o.crashes + 1
			WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END,
		failures = CASE WHEN o.direction = 'by hand' THEN 0
			WHEN o.direction = 'run' AND excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent') THEN o.failures + 1
			ELSE o.failures END,
		permanent = CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END
	WHERE o.token = excluded.token AND o.finished IS NULL AND o.lease = 'name?' AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
		AND (o.life = '' AND o.fence < 7 OR o.life <> '' AND NOT EXISTS (
			SELECT 1 FROM "seq_leases" AS l WHERE l.ns = 'default' AND l.name = o.life AND l.holder IS NOT NULL AND l.expires > CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)))
	RETURNING id;

-- close lost, two rows: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', X'78'), (2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', X'78')), w AS (SELECT v.*, v_order + coalesce((SELECT seq FROM "seq_ops" WHERE seq > 0 ORDER BY seq DESC LIMIT 1), 0) AS v_number FROM v)
	INSERT INTO "seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS blob), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), ended = excluded.ended, error = excluded.error,
		saved = coalesce(excluded.saved, o.saved),
		seq = CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN o.seq
			WHEN excluded.state IN ('succeeded', 'rolled-back') THEN excluded.seq
			WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END,
		crashes = CASE WHEN excluded.ended = 'lost' THEN o.crashes + 1
			WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END,
		failures = CASE WHEN o.direction = 'by hand' THEN 0
			WHEN o.direction = 'run' AND excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent') THEN o.failures + 1
			ELSE o.failures END,
		permanent = CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END
	WHERE o.token = excluded.token AND o.finished IS NULL AND o.lease = 'name?' AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
		AND (o.life = '' AND o.fence < 7 OR o.life <> '' AND NOT EXISTS (
			SELECT 1 FROM "seq_leases" AS l WHERE l.ns = 'default' AND l.name = o.life AND l.holder IS NOT NULL AND l.expires > CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)))
	RETURNING id;

-- close, one row: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)), w AS (SELECT v.*, v_order + coalesce((SELECT seq FROM "seq_ops" WHERE seq > 0 ORDER BY seq DESC LIMIT 1), 0) AS v_number FROM v)
	INSERT INTO "seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS blob), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), ended = excluded.ended, error = excluded.error,
		saved = coalesce(excluded.saved, o.saved),
		seq = CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN o.seq
			WHEN excluded.state IN ('succeeded', 'rolled-back') THEN excluded.seq
			WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END,
		crashes = CASE WHEN excluded.ended = 'lost' THEN o.crashes + 1
			WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END,
		failures = CASE WHEN o.direction = 'by hand' THEN 0
			WHEN o.direction = 'run' AND excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent') THEN o.failures + 1
			ELSE o.failures END,
		permanent = CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END
	WHERE o.token = excluded.token AND o.finished IS NULL
	RETURNING id;

-- close, one row: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', X'78')), w AS (SELECT v.*, v_order + coalesce((SELECT seq FROM "seq_ops" WHERE seq > 0 ORDER BY seq DESC LIMIT 1), 0) AS v_number FROM v)
	INSERT INTO "seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS blob), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), ended = excluded.ended, error = excluded.error,
		saved = coalesce(excluded.saved, o.saved),
		seq = CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN o.seq
			WHEN excluded.state IN ('succeeded', 'rolled-back') THEN excluded.seq
			WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END,
		crashes = CASE WHEN excluded.ended = 'lost' THEN o.crashes + 1
			WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END,
		failures = CASE WHEN o.direction = 'by hand' THEN 0
			WHEN o.direction = 'run' AND excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent') THEN o.failures + 1
			ELSE o.failures END,
		permanent = CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END
	WHERE o.token = excluded.token AND o.finished IS NULL
	RETURNING id;

-- close, two rows: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', X'78'), (2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', X'78')), w AS (SELECT v.*, v_order + coalesce((SELECT seq FROM "seq_ops" WHERE seq > 0 ORDER BY seq DESC LIMIT 1), 0) AS v_number FROM v)
	INSERT INTO "seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS blob), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), ended = excluded.ended, error = excluded.error,
		saved = coalesce(excluded.saved, o.saved),
		seq = CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN o.seq
			WHEN excluded.state IN ('succeeded', 'rolled-back') THEN excluded.seq
			WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END,
		crashes = CASE WHEN excluded.ended = 'lost' THEN o.crashes + 1
			WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END,
		failures = CASE WHEN o.direction = 'by hand' THEN 0
			WHEN o.direction = 'run' AND excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent') THEN o.failures + 1
			ELSE o.failures END,
		permanent = CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END
	WHERE o.token = excluded.token AND o.finished IS NULL
	RETURNING id;

-- create attempts: values in the text
CREATE TABLE IF NOT EXISTS "seq_attempts" (
	ns text NOT NULL, id text NOT NULL, number bigint NOT NULL,
	direction text NOT NULL,
	run text NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	token text NOT NULL,
	started bigint NOT NULL, finished bigint NOT NULL,
	state text NOT NULL,
	ended text NOT NULL DEFAULT '',
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id, number)
) WITHOUT ROWID;

-- create controls: values in the text
CREATE TABLE IF NOT EXISTS "seq_controls" (
	ns text NOT NULL, id text NOT NULL,
	number bigint NOT NULL,
	wanted text NOT NULL,
	size bigint NOT NULL DEFAULT 0, rest bigint NOT NULL DEFAULT 0,
	until bigint,
	actor text NOT NULL DEFAULT '', reason text NOT NULL DEFAULT '',
	asked bigint,
	heard bigint NOT NULL DEFAULT 0, answered bigint,
	note text NOT NULL DEFAULT '', noted bigint,
	PRIMARY KEY (ns, id)
) WITHOUT ROWID;

-- create leases: values in the text
CREATE TABLE IF NOT EXISTS "seq_leases" (
	ns text NOT NULL, name text NOT NULL,
	epoch bigint NOT NULL,
	holder text,
	owner text NOT NULL,
	since bigint NOT NULL,
	expires bigint,
	PRIMARY KEY (ns, name)
) WITHOUT ROWID;

-- create meta: values in the text
CREATE TABLE IF NOT EXISTS "seq_meta" (name text PRIMARY KEY, value text NOT NULL) WITHOUT ROWID;

-- create ops: values in the text
CREATE TABLE IF NOT EXISTS "seq_ops" (
	ns text NOT NULL, id text NOT NULL,
	state text NOT NULL,
	run text NOT NULL DEFAULT '',
	delivery text NOT NULL,
	generation bigint NOT NULL DEFAULT 0,
	attempt bigint NOT NULL DEFAULT 0,
	crashes bigint NOT NULL DEFAULT 0,
	failures bigint NOT NULL DEFAULT 0,
	permanent boolean NOT NULL DEFAULT FALSE,
	seq bigint NOT NULL DEFAULT 0,
	token text, started bigint, finished bigint,
	direction text NOT NULL DEFAULT 'run',
	ended text NOT NULL DEFAULT '',
	owner text NOT NULL DEFAULT '', executable text NOT NULL DEFAULT '',
	lease text NOT NULL DEFAULT '', fence bigint NOT NULL DEFAULT 0, life text NOT NULL DEFAULT '',
	not_before bigint,
	saved blob,
	checksum text NOT NULL DEFAULT '',
	done bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, best bigint NOT NULL DEFAULT 0, moved bigint,
	tx bigint NOT NULL DEFAULT 0,
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
) WITHOUT ROWID;

-- create runs: values in the text
CREATE TABLE IF NOT EXISTS "seq_runs" (
	ns text NOT NULL, id text NOT NULL,
	number bigint NOT NULL,
	strategy text NOT NULL, state text NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	lease text NOT NULL, epoch bigint NOT NULL,
	started bigint NOT NULL, finished bigint,
	reason text NOT NULL DEFAULT '', work text NOT NULL DEFAULT '', selection text NOT NULL DEFAULT '', saga boolean NOT NULL DEFAULT FALSE, error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
) WITHOUT ROWID;

-- guard, one writer: values beside it
UPDATE "seq_ops" SET tx = tx + 1 WHERE ns = 'default' AND id = ?1 AND token = ?2 AND finished IS NULL
	RETURNING tx, (SELECT coalesce(expires, 0) - CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) FROM "seq_leases" WHERE ns = 'default' AND name = ?3 AND epoch = ?4 AND holder = ?5);

-- guard, one writer: values in the text
UPDATE "seq_ops" SET tx = tx + 1 WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND finished IS NULL
	RETURNING tx, (SELECT coalesce(expires, 0) - CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) FROM "seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?');

-- guard, steered, one writer: values beside it
UPDATE "seq_ops" AS o SET tx = tx + 1 WHERE o.ns = 'default' AND o.id = ?1 AND o.token = ?2 AND o.finished IS NULL
	RETURNING tx, (SELECT coalesce(expires, 0) - CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) FROM "seq_leases" WHERE ns = 'default' AND name = ?3 AND epoch = ?4 AND holder = ?5),
		(SELECT c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard FROM "seq_controls" AS c WHERE c.ns = 'default' AND c.id = ?1),
		(SELECT c.actor FROM "seq_controls" AS c WHERE c.ns = 'default' AND c.id = ?1), (SELECT c.reason FROM "seq_controls" AS c WHERE c.ns = 'default' AND c.id = ?1);

-- guard, steered, one writer: values in the text
UPDATE "seq_ops" AS o SET tx = tx + 1 WHERE o.ns = 'default' AND o.id = 'id?' AND o.token = 'token?' AND o.finished IS NULL
	RETURNING tx, (SELECT coalesce(expires, 0) - CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) FROM "seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?'),
		(SELECT c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard FROM "seq_controls" AS c WHERE c.ns = 'default' AND c.id = 'id?'),
		(SELECT c.actor FROM "seq_controls" AS c WHERE c.ns = 'default' AND c.id = 'id?'), (SELECT c.reason FROM "seq_controls" AS c WHERE c.ns = 'default' AND c.id = 'id?');

-- has claim: values in the text
SELECT 1 FROM "seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?'
	UNION ALL SELECT 1 FROM "seq_attempts" WHERE ns = 'default' AND id = 'id?' AND token = 'token?';

-- has mark: values in the text
SELECT 1 FROM "seq_ops" WHERE ns = 'default' AND id = 'id?' AND attempt = 7 AND state = 'state?' AND run = 'run?';

-- has outcome: values in the text
SELECT 1 FROM "seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND state = 'state?' AND finished IS NOT NULL
	UNION ALL SELECT 1 FROM "seq_attempts" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND state = 'state?';

-- has part: values in the text
SELECT 1 FROM "seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND tx >= 7;

-- has run: values in the text
SELECT 1 FROM "seq_runs" WHERE ns = 'default' AND id = 'id?' AND state = 'state?' AND epoch = 7;

-- has save: values in the text
SELECT 1 FROM "seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND saved = CAST(X'78' AS blob);

-- index attempts by run: values in the text
CREATE INDEX IF NOT EXISTS "seq_attempts_by_run" ON "seq_attempts" (ns, run, id, number);

-- index attempts by time: values in the text
CREATE INDEX IF NOT EXISTS "seq_attempts_by_time" ON "seq_attempts" (ns, finished);

-- index completions: values in the text
CREATE INDEX IF NOT EXISTS "seq_ops_by_seq" ON "seq_ops" (seq) WHERE seq > 0;

-- index ops: values in the text
CREATE INDEX IF NOT EXISTS "seq_ops_by_run" ON "seq_ops" (ns, run, id);

-- index runs: values in the text
CREATE INDEX IF NOT EXISTS "seq_runs_by_number" ON "seq_runs" (ns, number);

-- index unfinished runs: values in the text
CREATE INDEX IF NOT EXISTS "seq_runs_unfinished" ON "seq_runs" (ns, number) WHERE (state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga);

-- is open: values in the text
SELECT 1 FROM "seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND finished IS NULL;

-- load: values in the text
SELECT id, nullif(checksum, ''), nullif(error, ''), nullif(executable, ''), saved, CASE WHEN token IS NULL OR finished IS NOT NULL THEN '-' ELSE token END || ' ' || fence || ' ' || seq || ' ' ||
		CASE WHEN state = 'succeeded' AND delivery = 'repeatable' AND generation = 1 AND attempt = 1 AND crashes = 0 AND failures = 0
			AND NOT permanent AND not_before IS NULL AND done = 0 AND total = 0 AND best = 0 AND moved IS NULL AND lease = 'run' AND life = '' AND direction = 'run'
			THEN '-'
			ELSE '+ ' || state || ' ' || delivery || ' ' ||
				CASE WHEN direction IN ('run', 'rollback', 'by hand') THEN '-' ELSE direction END || ' ' ||
				generation || ' ' || attempt || ' ' || crashes || ' ' || failures || ' ' || CASE WHEN permanent THEN 1 ELSE 0 END || ' ' ||
				CASE WHEN not_before IS NULL THEN '-' ELSE CAST(not_before AS text) END || ' ' || done || ' ' || total || ' ' || best || ' ' || coalesce(moved, 0) || ' ' ||
				CASE WHEN lease = '' THEN '-' ELSE lease END || ' ' || CASE WHEN life = '' THEN '-' ELSE life END
		END || ' ' || run FROM "seq_ops" WHERE ns = 'default' AND TRUE;

-- look at lease: values in the text
SELECT m.value, l.holder, l.owner, l.since, l.expires - CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), l.epoch, i.value,
		CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard, c.actor, c.reason, c.until, c.asked
	FROM "seq_meta" AS m LEFT JOIN "seq_leases" AS l ON l.ns = 'default' AND l.name = 'name?' LEFT JOIN "seq_meta" AS i ON i.name = 'identity:default'
		LEFT JOIN "seq_controls" AS c ON c.ns = 'default' AND c.id = 'name?'
	WHERE m.name = 'schema' AND TRUE;

-- make identity: values in the text
INSERT INTO "seq_meta" (name, value) VALUES ('identity:default', 'token?') ON CONFLICT (name) DO NOTHING;

-- mark, one row: values in the text
WITH v (v_id, v_attempt, v_state, v_run, v_due, v_error, v_seq, v_checksum) AS (VALUES ('it''s', 1, 'it''s', 'it''s', 1, 'it''s', 1, 'it''s'))
	INSERT INTO "seq_ops" AS o (ns, id, delivery, attempt, state, run, not_before, error, seq, checksum)
	SELECT 'default', v_id, 'repeatable', v_attempt, v_state, v_run, CAST(v_due AS bigint), v_error, v_seq, v_checksum FROM v
	WHERE v_attempt = 0 OR EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, not_before = excluded.not_before, error = excluded.error,
		token = NULL, started = NULL, finished = NULL, ended = '',
		fence = CASE WHEN excluded.seq = 0 THEN o.fence ELSE 0 END,
		seq = CASE WHEN excluded.seq = 0 THEN o.seq ELSE excluded.seq END,
		checksum = CASE WHEN excluded.checksum = '' THEN o.checksum ELSE excluded.checksum END
	WHERE (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = excluded.attempt AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- mark, two rows: values in the text
WITH v (v_id, v_attempt, v_state, v_run, v_due, v_error, v_seq, v_checksum) AS (VALUES ('it''s', 1, 'it''s', 'it''s', 1, 'it''s', 1, 'it''s'), ('it''s', 2, 'it''s', 'it''s', 2, 'it''s', 2, 'it''s'))
	INSERT INTO "seq_ops" AS o (ns, id, delivery, attempt, state, run, not_before, error, seq, checksum)
	SELECT 'default', v_id, 'repeatable', v_attempt, v_state, v_run, CAST(v_due AS bigint), v_error, v_seq, v_checksum FROM v
	WHERE v_attempt = 0 OR EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, not_before = excluded.not_before, error = excluded.error,
		token = NULL, started = NULL, finished = NULL, ended = '',
		fence = CASE WHEN excluded.seq = 0 THEN o.fence ELSE 0 END,
		seq = CASE WHEN excluded.seq = 0 THEN o.seq ELSE excluded.seq END,
		checksum = CASE WHEN excluded.checksum = '' THEN o.checksum ELSE excluded.checksum END
	WHERE (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = excluded.attempt AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- other lease: values in the text
SELECT name, owner, since, expires - CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) FROM "seq_leases"
	WHERE ns = 'default' AND name <> 'name?' AND holder IS NOT NULL AND expires > CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) ORDER BY name LIMIT 1;

-- progress, one row: values in the text
WITH v (v_id, v_token, v_done, v_total) AS (VALUES ('it''s', 'it''s', 1, 1))
	UPDATE "seq_ops" AS o SET done = v_done, total = v_total, best = max(o.best, v_done), moved = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER),
		crashes = CASE WHEN v_done > o.best THEN 0 ELSE o.crashes END
	FROM v
	WHERE o.ns = 'default' AND o.id = v_id AND o.token = v_token AND o.finished IS NULL
	RETURNING id;

-- progress, two rows: values in the text
WITH v (v_id, v_token, v_done, v_total) AS (VALUES ('it''s', 'it''s', 1, 1), ('it''s', 'it''s', 2, 2))
	UPDATE "seq_ops" AS o SET done = v_done, total = v_total, best = max(o.best, v_done), moved = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER),
		crashes = CASE WHEN v_done > o.best THEN 0 ELSE o.crashes END
	FROM v
	WHERE o.ns = 'default' AND o.id = v_id AND o.token = v_token AND o.finished IS NULL
	RETURNING id;

-- prune attempts: values in the text
WITH doomed AS  (
		SELECT a.ns, a.id, a.number FROM "seq_attempts" AS a JOIN "seq_ops" AS o ON o.ns = a.ns AND o.id = a.id
		WHERE a.ns = 'default' AND a.finished <= CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) - 7
			AND o.state IN ('pending', 'scheduled', 'succeeded', 'skipped', 'failed', 'tolerated', 'rolled-back', 'waived') AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand') AND a.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND a.direction IN ('run', 'rollback', 'by hand') AND a.ended IN ('', 'lost', 'interrupted', 'withdrawn', 'permanent')
			AND (o.state IN ('succeeded', 'waived') OR a.run <> o.run AND a.state <> 'indeterminate')
			AND NOT EXISTS (SELECT 1 FROM "seq_runs" AS r WHERE r.ns = a.ns AND r.id = a.run AND r.state NOT IN ('succeeded', 'failed', 'rolled-back', 'rollback-failed', 'abandoned', 'busy'))
			AND (o.started IS NOT NULL OR a.number < o.attempt)
		ORDER BY a.finished LIMIT 7 )
	DELETE FROM "seq_attempts" WHERE (ns, id, number) IN (SELECT ns, id, number FROM doomed) RETURNING number;

-- prune lives: values in the text
DELETE FROM "seq_leases" WHERE (ns, name) IN (
		SELECT l.ns, l.name FROM "seq_leases" AS l
		WHERE l.ns = 'default' AND l.name LIKE 'life:%' AND l.expires <= CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) - 7
		ORDER BY l.name LIMIT 7)
	RETURNING name;

-- prune runs: values in the text
DELETE FROM "seq_runs" WHERE (ns, id) IN (
		SELECT r.ns, r.id FROM "seq_runs" AS r
		WHERE r.ns = 'default' AND r.finished <= CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) - 7 AND r.state IN ('succeeded', 'failed', 'rolled-back', 'rollback-failed', 'abandoned', 'busy')
			AND r.number <= (SELECT max(number) FROM "seq_runs" WHERE ns = 'default') - 7
			AND NOT EXISTS (SELECT 1 FROM "seq_ops" AS o WHERE o.ns = r.ns AND o.run = r.id AND NOT (o.state IN ('pending', 'scheduled', 'succeeded', 'skipped', 'failed', 'tolerated', 'rolled-back', 'waived') AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')))
		ORDER BY r.number LIMIT 7)
	RETURNING number;

-- read control: values in the text
SELECT c.id, c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard, c.actor, c.reason, c.until, c.asked, c.answered, c.note, c.noted
	FROM "seq_controls" AS c WHERE c.ns = 'default' AND c.id = 'id?' AND TRUE;

-- read controls: values in the text
SELECT c.id, c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard, c.actor, c.reason, c.until, c.asked, c.answered, c.note, c.noted
	FROM "seq_controls" AS c WHERE c.ns = 'default' AND TRUE ORDER BY c.id;

-- read history: values in the text
SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM (
		SELECT id, attempt AS number, direction, run, owner, executable, started, finished, state, ended,
			CASE WHEN finished IS NULL THEN '' ELSE error END AS error
		FROM "seq_ops" WHERE ns = 'default' AND started IS NOT NULL AND TRUE AND id = 'id?' AND attempt < 7) AS o
	UNION ALL
	SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM (
		SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM "seq_attempts" WHERE ns = 'default' AND TRUE AND id = 'id?' AND number < 7 ORDER BY number DESC LIMIT 7) AS a
	ORDER BY number DESC LIMIT 7;

-- read identity: values in the text
SELECT value FROM "seq_meta" WHERE name = 'identity:default' AND TRUE;

-- read leases: values in the text
SELECT name, owner, since, expires - CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) FROM "seq_leases"
	WHERE ns = 'default' AND holder IS NOT NULL AND expires > CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AND TRUE ORDER BY name;

-- read run: values in the text
SELECT id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, CASE WHEN saga THEN 1 ELSE 0 END, error FROM "seq_runs" WHERE ns = 'default' AND TRUE AND id = 'id?';

-- read runs: values in the text
SELECT id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, CASE WHEN saga THEN 1 ELSE 0 END, error FROM "seq_runs" WHERE ns = 'default' AND TRUE AND number < 7 ORDER BY number DESC LIMIT 7;

-- read the attempts of a run: values in the text
SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM (
		SELECT id, attempt AS number, direction, run, owner, executable, started, finished, state, ended,
			CASE WHEN finished IS NULL THEN '' ELSE error END AS error
		FROM "seq_ops" WHERE ns = 'default' AND started IS NOT NULL AND TRUE AND run = 'run?' AND (id, attempt) > ('id?', 7) ORDER BY id LIMIT 7) AS o
	UNION ALL
	SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM (
		SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM "seq_attempts" WHERE ns = 'default' AND TRUE AND run = 'run?' AND (id, number) > ('id?', 7) ORDER BY id, number LIMIT 7) AS a
	ORDER BY id, number LIMIT 7;

-- read unfinished runs: values in the text
SELECT id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, CASE WHEN saga THEN 1 ELSE 0 END, error FROM "seq_runs" WHERE ns = 'default' AND TRUE AND (state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga) ORDER BY number DESC;

-- read version: values in the text
SELECT value FROM "seq_meta" WHERE name = 'schema' AND TRUE;

-- release: values in the text
UPDATE "seq_leases" SET holder = NULL, expires = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) WHERE ns = 'default' AND name = 'name?' AND holder = 'holder?';

-- renew: values in the text
UPDATE "seq_leases" SET expires = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + 15000 WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?' RETURNING 1;

-- revoke: values in the text
UPDATE "seq_leases" SET holder = NULL, expires = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
	WHERE ns = 'default' AND name = 'name?' AND holder IS NOT NULL AND TRUE;

-- run: values in the text
INSERT INTO "seq_runs" AS r (ns, id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, saga, error)
	VALUES ('default', 'id?', (SELECT coalesce(max(number), 0) + 1 FROM "seq_runs" WHERE ns = 'default'),
		'strategy?', 'state?', 'owner?', 'executable?', 'name?', 7, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), CASE WHEN TRUE THEN CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) END, 'reason?', 'work?', 'selection?', 'saga?', 'error?')
	ON CONFLICT (ns, id) DO UPDATE SET
		strategy = excluded.strategy, state = excluded.state, owner = excluded.owner, executable = excluded.executable,
		lease = excluded.lease, epoch = excluded.epoch, finished = excluded.finished,
		reason = excluded.reason, work = excluded.work, selection = excluded.selection, saga = excluded.saga, error = excluded.error;

-- save, one row: values in the text
WITH v (v_id, v_token, v_saved) AS (VALUES ('it''s', 'it''s', X'78'))
	UPDATE "seq_ops" AS o SET saved = CAST(v_saved AS blob),
		crashes = CASE WHEN o.saved IS NOT NULL AND o.saved = CAST(v_saved AS blob) THEN o.crashes ELSE 0 END
	FROM v
	WHERE o.ns = 'default' AND o.id = v_id AND o.token = v_token AND o.finished IS NULL
	RETURNING id;

-- save, two rows: values in the text
WITH v (v_id, v_token, v_saved) AS (VALUES ('it''s', 'it''s', X'78'), ('it''s', 'it''s', X'78'))
	UPDATE "seq_ops" AS o SET saved = CAST(v_saved AS blob),
		crashes = CASE WHEN o.saved IS NOT NULL AND o.saved = CAST(v_saved AS blob) THEN o.crashes ELSE 0 END
	FROM v
	WHERE o.ns = 'default' AND o.id = v_id AND o.token = v_token AND o.finished IS NULL
	RETURNING id;

-- seize: values in the text
INSERT INTO "seq_leases" AS l (ns, name, epoch, holder, owner, since, expires)
	SELECT 'default', 'name?', CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), 'holder?', 'owner?', CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + 15000 WHERE TRUE
		AND NOT EXISTS (SELECT 1 FROM "seq_controls" AS c WHERE c.ns = 'default' AND c.id = 'name?' AND c.wanted IN ('hold', 'stop')
			AND (c.until IS NULL OR c.until > CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)) AND (c.actor = '' OR c.actor <> 'actor?'))
	ON CONFLICT (ns, name) DO UPDATE SET
		epoch = max(l.epoch + 1, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)), holder = excluded.holder, owner = excluded.owner, since = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), expires = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + 15000
	WHERE l.holder IS NULL OR l.expires IS NULL OR l.expires <= CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
	RETURNING epoch;

-- select: values in the text
SELECT id, nullif(checksum, ''), nullif(error, ''), nullif(executable, ''), saved, CASE WHEN token IS NULL OR finished IS NOT NULL THEN '-' ELSE token END || ' ' || fence || ' ' || seq || ' ' ||
		CASE WHEN state = 'succeeded' AND delivery = 'repeatable' AND generation = 1 AND attempt = 1 AND crashes = 0 AND failures = 0
			AND NOT permanent AND not_before IS NULL AND done = 0 AND total = 0 AND best = 0 AND moved IS NULL AND lease = 'run' AND life = '' AND direction = 'run'
			THEN '-'
			ELSE '+ ' || state || ' ' || delivery || ' ' ||
				CASE WHEN direction IN ('run', 'rollback', 'by hand') THEN '-' ELSE direction END || ' ' ||
				generation || ' ' || attempt || ' ' || crashes || ' ' || failures || ' ' || CASE WHEN permanent THEN 1 ELSE 0 END || ' ' ||
				CASE WHEN not_before IS NULL THEN '-' ELSE CAST(not_before AS text) END || ' ' || done || ' ' || total || ' ' || best || ' ' || coalesce(moved, 0) || ' ' ||
				CASE WHEN lease = '' THEN '-' ELSE lease END || ' ' || CASE WHEN life = '' THEN '-' ELSE life END
		END || ' ' || run FROM "seq_ops" WHERE ns = 'default' AND id IN ('a', 'b') AND TRUE;

-- set identity: values in the text
UPDATE "seq_meta" SET value = 'token?' WHERE name = 'identity:default';

-- set version: values in the text
INSERT INTO "seq_meta" (name, value) VALUES ('schema', '3');

-- single, outcomes, one row: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)), w AS (SELECT v.*, v_order + coalesce((SELECT seq FROM "seq_ops" WHERE seq > 0 ORDER BY seq DESC LIMIT 1), 0) AS v_number FROM v), closed AS (
	INSERT INTO "seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS blob), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), ended = excluded.ended, error = excluded.error,
		saved = coalesce(excluded.saved, o.saved),
		seq = CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN o.seq
			WHEN excluded.state IN ('succeeded', 'rolled-back') THEN excluded.seq
			WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END,
		crashes = CASE WHEN excluded.ended = 'lost' THEN o.crashes + 1
			WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END,
		failures = CASE WHEN o.direction = 'by hand' THEN 0
			WHEN o.direction = 'run' AND excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent') THEN o.failures + 1
			ELSE o.failures END,
		permanent = CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END
	WHERE o.token = excluded.token AND o.finished IS NULL
	RETURNING id)
SELECT 'o', id FROM closed;

-- single, outcomes, one row: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', X'78')), w AS (SELECT v.*, v_order + coalesce((SELECT seq FROM "seq_ops" WHERE seq > 0 ORDER BY seq DESC LIMIT 1), 0) AS v_number FROM v), closed AS (
	INSERT INTO "seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS blob), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), ended = excluded.ended, error = excluded.error,
		saved = coalesce(excluded.saved, o.saved),
		seq = CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN o.seq
			WHEN excluded.state IN ('succeeded', 'rolled-back') THEN excluded.seq
			WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END,
		crashes = CASE WHEN excluded.ended = 'lost' THEN o.crashes + 1
			WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END,
		failures = CASE WHEN o.direction = 'by hand' THEN 0
			WHEN o.direction = 'run' AND excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent') THEN o.failures + 1
			ELSE o.failures END,
		permanent = CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END
	WHERE o.token = excluded.token AND o.finished IS NULL
	RETURNING id)
SELECT 'o', id FROM closed;

-- single, outcomes, two rows: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', X'78'), (2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', X'78')), w AS (SELECT v.*, v_order + coalesce((SELECT seq FROM "seq_ops" WHERE seq > 0 ORDER BY seq DESC LIMIT 1), 0) AS v_number FROM v), closed AS (
	INSERT INTO "seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS blob), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id )
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER), ended = excluded.ended, error = excluded.error,
		saved = coalesce(excluded.saved, o.saved),
		seq = CASE WHEN excluded.ended = 'withdrawn' OR o.direction = 'by hand' AND o.seq <> 0 AND excluded.state IN ('succeeded', 'rolled-back') THEN o.seq
			WHEN excluded.state IN ('succeeded', 'rolled-back') THEN excluded.seq
			WHEN o.direction = 'rollback' THEN o.seq ELSE 0 END,
		crashes = CASE WHEN excluded.ended = 'lost' THEN o.crashes + 1
			WHEN excluded.ended IN ('interrupted', 'withdrawn') THEN o.crashes ELSE 0 END,
		failures = CASE WHEN o.direction = 'by hand' THEN 0
			WHEN o.direction = 'run' AND excluded.state IN ('failed', 'tolerated') AND excluded.ended IN ('', 'permanent') THEN o.failures + 1
			ELSE o.failures END,
		permanent = CASE WHEN excluded.ended = 'withdrawn' THEN o.permanent ELSE excluded.ended = 'permanent' END
	WHERE o.token = excluded.token AND o.finished IS NULL
	RETURNING id)
SELECT 'o', id FROM closed;

-- all that Acquire executes for a new ledger
CREATE TABLE IF NOT EXISTS "seq_meta" (name text PRIMARY KEY, value text NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS "seq_leases" (
	ns text NOT NULL, name text NOT NULL,
	epoch bigint NOT NULL,
	holder text,
	owner text NOT NULL,
	since bigint NOT NULL,
	expires bigint,
	PRIMARY KEY (ns, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS "seq_controls" (
	ns text NOT NULL, id text NOT NULL,
	number bigint NOT NULL,
	wanted text NOT NULL,
	size bigint NOT NULL DEFAULT 0, rest bigint NOT NULL DEFAULT 0,
	until bigint,
	actor text NOT NULL DEFAULT '', reason text NOT NULL DEFAULT '',
	asked bigint,
	heard bigint NOT NULL DEFAULT 0, answered bigint,
	note text NOT NULL DEFAULT '', noted bigint,
	PRIMARY KEY (ns, id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS "seq_runs" (
	ns text NOT NULL, id text NOT NULL,
	number bigint NOT NULL,
	strategy text NOT NULL, state text NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	lease text NOT NULL, epoch bigint NOT NULL,
	started bigint NOT NULL, finished bigint,
	reason text NOT NULL DEFAULT '', work text NOT NULL DEFAULT '', selection text NOT NULL DEFAULT '', saga boolean NOT NULL DEFAULT FALSE, error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS "seq_runs_by_number" ON "seq_runs" (ns, number);

CREATE INDEX IF NOT EXISTS "seq_runs_unfinished" ON "seq_runs" (ns, number) WHERE (state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga);

CREATE TABLE IF NOT EXISTS "seq_ops" (
	ns text NOT NULL, id text NOT NULL,
	state text NOT NULL,
	run text NOT NULL DEFAULT '',
	delivery text NOT NULL,
	generation bigint NOT NULL DEFAULT 0,
	attempt bigint NOT NULL DEFAULT 0,
	crashes bigint NOT NULL DEFAULT 0,
	failures bigint NOT NULL DEFAULT 0,
	permanent boolean NOT NULL DEFAULT FALSE,
	seq bigint NOT NULL DEFAULT 0,
	token text, started bigint, finished bigint,
	direction text NOT NULL DEFAULT 'run',
	ended text NOT NULL DEFAULT '',
	owner text NOT NULL DEFAULT '', executable text NOT NULL DEFAULT '',
	lease text NOT NULL DEFAULT '', fence bigint NOT NULL DEFAULT 0, life text NOT NULL DEFAULT '',
	not_before bigint,
	saved blob,
	checksum text NOT NULL DEFAULT '',
	done bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, best bigint NOT NULL DEFAULT 0, moved bigint,
	tx bigint NOT NULL DEFAULT 0,
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS "seq_ops_by_run" ON "seq_ops" (ns, run, id);

CREATE TABLE IF NOT EXISTS "seq_attempts" (
	ns text NOT NULL, id text NOT NULL, number bigint NOT NULL,
	direction text NOT NULL,
	run text NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	token text NOT NULL,
	started bigint NOT NULL, finished bigint NOT NULL,
	state text NOT NULL,
	ended text NOT NULL DEFAULT '',
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id, number)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS "seq_attempts_by_run" ON "seq_attempts" (ns, run, id, number);

CREATE INDEX IF NOT EXISTS "seq_attempts_by_time" ON "seq_attempts" (ns, finished);

CREATE INDEX IF NOT EXISTS "seq_ops_by_seq" ON "seq_ops" (seq) WHERE seq > 0;

INSERT INTO "seq_meta" (name, value) VALUES ('schema', '3');

