-- answer: values in the text
INSERT INTO "deploys"."seq_controls" AS c (ns, id, number, wanted, note, noted)
	SELECT 'default', 'id?', 0, 'go', 'note?', CASE WHEN 'note?' = '' THEN NULL ELSE (extract(epoch FROM clock_timestamp()) * 1000)::bigint END
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_leases" AS l WHERE l.ns = 'default' AND l.name = 'name?' AND l.epoch = 7 AND l.holder = 'holder?' FOR KEY SHARE)
	ON CONFLICT (ns, id) DO UPDATE SET
		answered = CASE WHEN least(7, c.number) > c.heard THEN (extract(epoch FROM clock_timestamp()) * 1000)::bigint ELSE c.answered END,
		heard = greatest(c.heard, least(7, c.number)),
		noted = CASE WHEN c.note = excluded.note THEN c.noted ELSE (extract(epoch FROM clock_timestamp()) * 1000)::bigint END,
		note = excluded.note
	RETURNING 1;

-- archive what a claim supersedes, one row: values in the text
WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_direction, v_owner, v_executable, v_life, v_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'))
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM v JOIN "deploys"."seq_ops" AS o ON o.id = v_id
	WHERE o.ns = 'default' AND o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = v_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- archive what a claim supersedes, two rows: values in the text
WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_direction, v_owner, v_executable, v_life, v_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'), ('it''s', 'it''s', 'it''s', 'it''s', 2, 2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'))
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM v JOIN "deploys"."seq_ops" AS o ON o.id = v_id
	WHERE o.ns = 'default' AND o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = v_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- archive what a mark supersedes, one row: values in the text
WITH v (v_id, v_attempt, v_state, v_run, v_due, v_error, v_seq, v_checksum) AS (VALUES ('it''s', 1, 'it''s', 'it''s', 1, 'it''s', 1, 'it''s'))
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM v JOIN "deploys"."seq_ops" AS o ON o.id = v_id
	WHERE o.ns = 'default' AND o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = v_attempt AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- archive what a mark supersedes, two rows: values in the text
WITH v (v_id, v_attempt, v_state, v_run, v_due, v_error, v_seq, v_checksum) AS (VALUES ('it''s', 1, 'it''s', 'it''s', 1, 'it''s', 1, 'it''s'), ('it''s', 2, 'it''s', 'it''s', 2, 'it''s', 2, 'it''s'))
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM v JOIN "deploys"."seq_ops" AS o ON o.id = v_id
	WHERE o.ns = 'default' AND o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = v_attempt AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- ask: values in the text
INSERT INTO "deploys"."seq_controls" AS c (ns, id, number, wanted, size, rest, until, actor, reason, asked)
	SELECT 'default', 'id?', 7, 'wanted?', 7, 7, CAST(7 AS bigint), 'actor?', 'reason?', (extract(epoch FROM clock_timestamp()) * 1000)::bigint
	WHERE 7 = 1 OR EXISTS (SELECT 1 FROM "deploys"."seq_controls" AS p WHERE p.ns = 'default' AND p.id = 'id?')
	ON CONFLICT (ns, id) DO UPDATE SET
		number = excluded.number, wanted = excluded.wanted, size = excluded.size, rest = excluded.rest, until = excluded.until,
		actor = excluded.actor, reason = excluded.reason, asked = excluded.asked
	WHERE c.number = excluded.number - 1 AND c.wanted <> 'cancel'
	RETURNING 1;

-- authority: values beside it
SELECT set_config('idle_in_transaction_session_timeout', (15000)::text, true) FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = $1::text AND epoch = $2::bigint AND holder = $3::text FOR KEY SHARE;

-- authority: values in the text
SELECT set_config('idle_in_transaction_session_timeout', (15000)::text, true) FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?' FOR KEY SHARE;

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
		END || ' ' || run END FROM "deploys"."seq_ops" WHERE ns = 'default' AND TRUE
		UNION ALL SELECT id, NULL, NULL, NULL, NULL, 'saga' FROM "deploys"."seq_runs" WHERE ns = 'default' AND saga AND (state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga) AND TRUE;

-- checkpoint: values beside it
UPDATE "deploys"."seq_ops" AS o SET saved = CAST($1::bytea AS bytea), done = $2::text, total = $3::text, best = greatest(o.best, $2::text), moved = (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
		crashes = CASE WHEN $2::text <= o.best AND o.saved IS NOT NULL AND o.saved = CAST($1::bytea AS bytea) THEN o.crashes ELSE 0 END
	WHERE o.ns = 'default' AND o.id = $4::text AND o.token = $5::text AND o.finished IS NULL AND txid_current() = $6::bigint
	RETURNING id;

-- checkpoint: values in the text
UPDATE "deploys"."seq_ops" AS o SET saved = CAST('\x78' AS bytea), done = 'done?', total = 'total?', best = greatest(o.best, 'done?'), moved = (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
		crashes = CASE WHEN 'done?' <= o.best AND o.saved IS NOT NULL AND o.saved = CAST('\x78' AS bytea) THEN o.crashes ELSE 0 END
	WHERE o.ns = 'default' AND o.id = 'id?' AND o.token = 'token?' AND o.finished IS NULL AND txid_current() = 7
	RETURNING id;

-- claim, one row: values beside it
WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_direction, v_owner, v_executable, v_life, v_checksum) AS (VALUES ($1::text, $2::text, $3::text, $4::text, $5::bigint, $6::bigint, $7::text, $8::text, $9::text, $10::text, $11::text, $12::text))
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, v_direction, v_owner, v_executable,
		$13::text, $14::bigint, v_life, v_checksum
	FROM v
	WHERE v_attempt = 1 OR EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
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
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, v_direction, v_owner, v_executable,
		'name?', 7, v_life, v_checksum
	FROM v
	WHERE v_attempt = 1 OR EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
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

-- claim, two rows: values beside it
WITH v (v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, v_direction, v_owner, v_executable, v_life, v_checksum) AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[]))
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, v_direction, v_owner, v_executable,
		$13::text, $14::bigint, v_life, v_checksum
	FROM v
	WHERE v_attempt = 1 OR EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
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
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', v_id, v_state, v_run, v_delivery, v_generation, v_attempt, v_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, v_direction, v_owner, v_executable,
		'name?', 7, v_life, v_checksum
	FROM v
	WHERE v_attempt = 1 OR EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
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
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v)
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
			SELECT 1 FROM "deploys"."seq_leases" AS l WHERE l.ns = 'default' AND l.name = o.life AND l.holder IS NOT NULL AND l.expires > (extract(epoch FROM clock_timestamp()) * 1000)::bigint))
	RETURNING id;

-- close lost, two rows: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78'), (2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v)
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
			SELECT 1 FROM "deploys"."seq_leases" AS l WHERE l.ns = 'default' AND l.name = o.life AND l.holder IS NOT NULL AND l.expires > (extract(epoch FROM clock_timestamp()) * 1000)::bigint))
	RETURNING id;

-- close, one row: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bytea)), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v)
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v)
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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

-- close, two rows: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v)
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78'), (2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v)
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
CREATE TABLE IF NOT EXISTS "deploys"."seq_attempts" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, number bigint NOT NULL,
	direction text NOT NULL,
	run text COLLATE "C" NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	token text NOT NULL,
	started bigint NOT NULL, finished bigint NOT NULL,
	state text NOT NULL,
	ended text NOT NULL DEFAULT '',
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id, number)
);

-- create controls: values in the text
CREATE TABLE IF NOT EXISTS "deploys"."seq_controls" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	wanted text NOT NULL,
	size bigint NOT NULL DEFAULT 0, rest bigint NOT NULL DEFAULT 0,
	until bigint,
	actor text NOT NULL DEFAULT '', reason text NOT NULL DEFAULT '',
	asked bigint,
	heard bigint NOT NULL DEFAULT 0, answered bigint,
	note text NOT NULL DEFAULT '', noted bigint,
	PRIMARY KEY (ns, id)
);

-- create leases: values in the text
CREATE TABLE IF NOT EXISTS "deploys"."seq_leases" (
	ns text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
	epoch bigint NOT NULL,
	holder text,
	owner text NOT NULL,
	since bigint NOT NULL,
	expires bigint,
	PRIMARY KEY (ns, name)
);

-- create meta: values in the text
CREATE TABLE IF NOT EXISTS "deploys"."seq_meta" (name text COLLATE "C" PRIMARY KEY, value text NOT NULL);

-- create ops: values in the text
CREATE TABLE IF NOT EXISTS "deploys"."seq_ops" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	state text NOT NULL,
	run text COLLATE "C" NOT NULL DEFAULT '',
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
	saved bytea,
	checksum text NOT NULL DEFAULT '',
	done bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, best bigint NOT NULL DEFAULT 0, moved bigint,
	tx bigint NOT NULL DEFAULT 0,
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
);

-- create runs: values in the text
CREATE TABLE IF NOT EXISTS "deploys"."seq_runs" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	strategy text NOT NULL, state text NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	lease text NOT NULL, epoch bigint NOT NULL,
	started bigint NOT NULL, finished bigint,
	reason text NOT NULL DEFAULT '', work text NOT NULL DEFAULT '', selection text NOT NULL DEFAULT '', saga boolean NOT NULL DEFAULT FALSE, error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
);

-- create schema: values in the text
CREATE SCHEMA IF NOT EXISTS "deploys";

-- create sequence: values in the text
CREATE SEQUENCE IF NOT EXISTS "deploys"."seq_sequence";

-- find schema: values in the text
SELECT 1 FROM pg_namespace WHERE nspname = 'deploys';

-- guard, steered: values beside it
SELECT txid_current(), set_config('idle_in_transaction_session_timeout', (15000)::text, true), c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard, c.actor, c.reason
	FROM "deploys"."seq_ops" AS o LEFT JOIN "deploys"."seq_controls" AS c ON c.ns = 'default' AND c.id = $1::text
	WHERE o.ns = 'default' AND o.id = $1::text AND o.token = $2::text AND o.finished IS NULL;

-- guard, steered: values in the text
SELECT txid_current(), set_config('idle_in_transaction_session_timeout', (15000)::text, true), c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard, c.actor, c.reason
	FROM "deploys"."seq_ops" AS o LEFT JOIN "deploys"."seq_controls" AS c ON c.ns = 'default' AND c.id = 'id?'
	WHERE o.ns = 'default' AND o.id = 'id?' AND o.token = 'token?' AND o.finished IS NULL;

-- guard, used session: values beside it
SELECT txid_current(), set_config('idle_in_transaction_session_timeout', '60000', true), pg_catalog.pg_advisory_unlock_all() FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = $1::text AND token = $2::text AND finished IS NULL FOR UPDATE;

-- guard, used session: values in the text
SELECT txid_current(), set_config('idle_in_transaction_session_timeout', '60000', true), pg_catalog.pg_advisory_unlock_all() FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND finished IS NULL FOR UPDATE;

-- guard: values beside it
SELECT txid_current(), set_config('idle_in_transaction_session_timeout', '60000', true) FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = $1::text AND token = $2::text AND finished IS NULL FOR UPDATE;

-- guard: values in the text
SELECT txid_current(), set_config('idle_in_transaction_session_timeout', '60000', true) FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND finished IS NULL FOR UPDATE;

-- has claim: values in the text
SELECT 1 FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?'
	UNION ALL SELECT 1 FROM "deploys"."seq_attempts" WHERE ns = 'default' AND id = 'id?' AND token = 'token?';

-- has mark: values in the text
SELECT 1 FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = 'id?' AND attempt = 7 AND state = 'state?' AND run = 'run?';

-- has outcome: values in the text
SELECT 1 FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND state = 'state?' AND finished IS NOT NULL
	UNION ALL SELECT 1 FROM "deploys"."seq_attempts" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND state = 'state?';

-- has part: values in the text
SELECT 1 FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND tx >= 7;

-- has run: values in the text
SELECT 1 FROM "deploys"."seq_runs" WHERE ns = 'default' AND id = 'id?' AND state = 'state?' AND epoch = 7;

-- has save: values in the text
SELECT 1 FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND saved = CAST('\x78' AS bytea);

-- index attempts by run: values in the text
CREATE INDEX IF NOT EXISTS "seq_attempts_by_run" ON "deploys"."seq_attempts" (ns, run, id, number);

-- index attempts by time: values in the text
CREATE INDEX IF NOT EXISTS "seq_attempts_by_time" ON "deploys"."seq_attempts" (ns, finished);

-- index completions: values in the text
CREATE INDEX IF NOT EXISTS "seq_ops_by_seq" ON "deploys"."seq_ops" (seq) WHERE seq > 0;

-- index ops: values in the text
CREATE INDEX IF NOT EXISTS "seq_ops_by_run" ON "deploys"."seq_ops" (ns, run, id);

-- index runs: values in the text
CREATE INDEX IF NOT EXISTS "seq_runs_by_number" ON "deploys"."seq_runs" (ns, number);

-- index unfinished runs: values in the text
CREATE INDEX IF NOT EXISTS "seq_runs_unfinished" ON "deploys"."seq_runs" (ns, number) WHERE (state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga);

-- is open: values in the text
SELECT 1 FROM "deploys"."seq_ops" WHERE ns = 'default' AND id = 'id?' AND token = 'token?' AND finished IS NULL;

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
		END || ' ' || run FROM "deploys"."seq_ops" WHERE ns = 'default' AND TRUE;

-- lock lease: values in the text
SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' FOR UPDATE;

-- lock ops: values in the text
SELECT txid_current(), set_config('idle_in_transaction_session_timeout', (15000)::text, true), (SELECT count(*) FROM (
		SELECT 1 FROM "deploys"."seq_ops" WHERE ns = 'default' AND id IN ('a', 'b') ORDER BY id FOR UPDATE) AS locked);

-- lock runs: values in the text
SELECT pg_advisory_xact_lock(hashtextextended('seq:runs:' || 'default' || ':' || coalesce('deploys', current_schema()) || ':' || 'seq_', 0));

-- look at lease: values in the text
SELECT m.value, l.holder, l.owner, l.since, l.expires - (extract(epoch FROM clock_timestamp()) * 1000)::bigint, l.epoch, i.value,
		(extract(epoch FROM clock_timestamp()) * 1000)::bigint, c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard, c.actor, c.reason, c.until, c.asked
	FROM "deploys"."seq_meta" AS m LEFT JOIN "deploys"."seq_leases" AS l ON l.ns = 'default' AND l.name = 'name?' LEFT JOIN "deploys"."seq_meta" AS i ON i.name = 'identity:default'
		LEFT JOIN "deploys"."seq_controls" AS c ON c.ns = 'default' AND c.id = 'name?'
	WHERE m.name = 'schema' AND TRUE;

-- make identity: values in the text
INSERT INTO "deploys"."seq_meta" (name, value) VALUES ('identity:default', 'token?') ON CONFLICT (name) DO NOTHING;

-- mark, one row: values in the text
WITH v (v_id, v_attempt, v_state, v_run, v_due, v_error, v_seq, v_checksum) AS (VALUES ('it''s', 1, 'it''s', 'it''s', 1, 'it''s', 1, 'it''s'))
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, delivery, attempt, state, run, not_before, error, seq, checksum)
	SELECT 'default', v_id, 'repeatable', v_attempt, v_state, v_run, CAST(v_due AS bigint), v_error, v_seq, v_checksum FROM v
	WHERE v_attempt = 0 OR EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
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
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, delivery, attempt, state, run, not_before, error, seq, checksum)
	SELECT 'default', v_id, 'repeatable', v_attempt, v_state, v_run, CAST(v_due AS bigint), v_error, v_seq, v_checksum FROM v
	WHERE v_attempt = 0 OR EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, run = excluded.run, not_before = excluded.not_before, error = excluded.error,
		token = NULL, started = NULL, finished = NULL, ended = '',
		fence = CASE WHEN excluded.seq = 0 THEN o.fence ELSE 0 END,
		seq = CASE WHEN excluded.seq = 0 THEN o.seq ELSE excluded.seq END,
		checksum = CASE WHEN excluded.checksum = '' THEN o.checksum ELSE excluded.checksum END
	WHERE (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = excluded.attempt AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')
	RETURNING id;

-- other lease: values in the text
SELECT name, owner, since, expires - (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM "deploys"."seq_leases"
	WHERE ns = 'default' AND name <> 'name?' AND holder IS NOT NULL AND expires > (extract(epoch FROM clock_timestamp()) * 1000)::bigint ORDER BY name LIMIT 1;

-- progress, one row: values in the text
WITH v (v_id, v_token, v_done, v_total) AS (VALUES ('it''s', 'it''s', 1, 1))
	UPDATE "deploys"."seq_ops" AS o SET done = v_done, total = v_total, best = greatest(o.best, v_done), moved = (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
		crashes = CASE WHEN v_done > o.best THEN 0 ELSE o.crashes END
	FROM v
	WHERE o.ns = 'default' AND o.id = v_id AND o.token = v_token AND o.finished IS NULL
	RETURNING id;

-- progress, two rows: values in the text
WITH v (v_id, v_token, v_done, v_total) AS (VALUES ('it''s', 'it''s', 1, 1), ('it''s', 'it''s', 2, 2))
	UPDATE "deploys"."seq_ops" AS o SET done = v_done, total = v_total, best = greatest(o.best, v_done), moved = (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
		crashes = CASE WHEN v_done > o.best THEN 0 ELSE o.crashes END
	FROM v
	WHERE o.ns = 'default' AND o.id = v_id AND o.token = v_token AND o.finished IS NULL
	RETURNING id;

-- prune attempts: values in the text
WITH doomed AS MATERIALIZED (
		SELECT a.ns, a.id, a.number FROM "deploys"."seq_attempts" AS a JOIN "deploys"."seq_ops" AS o ON o.ns = a.ns AND o.id = a.id
		WHERE a.ns = 'default' AND a.finished <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 7
			AND o.state IN ('pending', 'scheduled', 'succeeded', 'skipped', 'failed', 'tolerated', 'rolled-back', 'waived') AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand') AND a.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND a.direction IN ('run', 'rollback', 'by hand') AND a.ended IN ('', 'lost', 'interrupted', 'withdrawn', 'permanent')
			AND (o.state IN ('succeeded', 'waived') OR a.run <> o.run AND a.state <> 'indeterminate')
			AND NOT EXISTS (SELECT 1 FROM "deploys"."seq_runs" AS r WHERE r.ns = a.ns AND r.id = a.run AND r.state NOT IN ('succeeded', 'failed', 'rolled-back', 'rollback-failed', 'abandoned', 'busy'))
			AND (o.started IS NOT NULL OR a.number < o.attempt)
		ORDER BY a.finished LIMIT 7 FOR SHARE OF o SKIP LOCKED)
	DELETE FROM "deploys"."seq_attempts" WHERE (ns, id, number) IN (SELECT ns, id, number FROM doomed) RETURNING number;

-- prune lives: values in the text
DELETE FROM "deploys"."seq_leases" WHERE (ns, name) IN (
		SELECT l.ns, l.name FROM "deploys"."seq_leases" AS l
		WHERE l.ns = 'default' AND l.name LIKE 'life:%' AND l.expires <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 7
		ORDER BY l.name LIMIT 7)
	RETURNING name;

-- prune runs: values in the text
DELETE FROM "deploys"."seq_runs" WHERE (ns, id) IN (
		SELECT r.ns, r.id FROM "deploys"."seq_runs" AS r
		WHERE r.ns = 'default' AND r.finished <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 7 AND r.state IN ('succeeded', 'failed', 'rolled-back', 'rollback-failed', 'abandoned', 'busy')
			AND r.number <= (SELECT max(number) FROM "deploys"."seq_runs" WHERE ns = 'default') - 7
			AND NOT EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS o WHERE o.ns = r.ns AND o.run = r.id AND NOT (o.state IN ('pending', 'scheduled', 'succeeded', 'skipped', 'failed', 'tolerated', 'rolled-back', 'waived') AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')))
		ORDER BY r.number LIMIT 7)
	RETURNING number;

-- read control: values in the text
SELECT c.id, c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard, c.actor, c.reason, c.until, c.asked, c.answered, c.note, c.noted
	FROM "deploys"."seq_controls" AS c WHERE c.ns = 'default' AND c.id = 'id?' AND TRUE;

-- read controls: values in the text
SELECT c.id, c.number || ' ' || c.wanted || ' ' || c.size || ' ' || c.rest || ' ' || c.heard, c.actor, c.reason, c.until, c.asked, c.answered, c.note, c.noted
	FROM "deploys"."seq_controls" AS c WHERE c.ns = 'default' AND TRUE ORDER BY c.id;

-- read history: values in the text
SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM (
		SELECT id, attempt AS number, direction, run, owner, executable, started, finished, state, ended,
			CASE WHEN finished IS NULL THEN '' ELSE error END AS error
		FROM "deploys"."seq_ops" WHERE ns = 'default' AND started IS NOT NULL AND TRUE AND id = 'id?' AND attempt < 7) AS o
	UNION ALL
	SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM (
		SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM "deploys"."seq_attempts" WHERE ns = 'default' AND TRUE AND id = 'id?' AND number < 7 ORDER BY number DESC LIMIT 7) AS a
	ORDER BY number DESC LIMIT 7;

-- read identity: values in the text
SELECT value FROM "deploys"."seq_meta" WHERE name = 'identity:default' AND TRUE;

-- read leases: values in the text
SELECT name, owner, since, expires - (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM "deploys"."seq_leases"
	WHERE ns = 'default' AND holder IS NOT NULL AND expires > (extract(epoch FROM clock_timestamp()) * 1000)::bigint AND TRUE ORDER BY name;

-- read run: values in the text
SELECT id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, CASE WHEN saga THEN 1 ELSE 0 END, error FROM "deploys"."seq_runs" WHERE ns = 'default' AND TRUE AND id = 'id?';

-- read runs: values in the text
SELECT id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, CASE WHEN saga THEN 1 ELSE 0 END, error FROM "deploys"."seq_runs" WHERE ns = 'default' AND TRUE AND number < 7 ORDER BY number DESC LIMIT 7;

-- read the attempts of a run: values in the text
SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM (
		SELECT id, attempt AS number, direction, run, owner, executable, started, finished, state, ended,
			CASE WHEN finished IS NULL THEN '' ELSE error END AS error
		FROM "deploys"."seq_ops" WHERE ns = 'default' AND started IS NOT NULL AND TRUE AND run = 'run?' AND (id, attempt) > ('id?', 7) ORDER BY id LIMIT 7) AS o
	UNION ALL
	SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM (
		SELECT id, number, direction, run, owner, executable, started, finished, state, ended, error FROM "deploys"."seq_attempts" WHERE ns = 'default' AND TRUE AND run = 'run?' AND (id, number) > ('id?', 7) ORDER BY id, number LIMIT 7) AS a
	ORDER BY id, number LIMIT 7;

-- read unfinished runs: values in the text
SELECT id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, CASE WHEN saga THEN 1 ELSE 0 END, error FROM "deploys"."seq_runs" WHERE ns = 'default' AND TRUE AND (state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga) ORDER BY number DESC;

-- read version: values in the text
SELECT value FROM "deploys"."seq_meta" WHERE name = 'schema' AND TRUE;

-- release: values in the text
UPDATE "deploys"."seq_leases" SET holder = NULL, expires = (extract(epoch FROM clock_timestamp()) * 1000)::bigint WHERE ns = 'default' AND name = 'name?' AND holder = 'holder?';

-- renew: values in the text
UPDATE "deploys"."seq_leases" SET expires = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 15000 WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?' RETURNING 1;

-- revoke: values in the text
WITH held AS MATERIALIZED (SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' FOR UPDATE) UPDATE "deploys"."seq_leases" SET holder = NULL, expires = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
	WHERE ns = 'default' AND name = 'name?' AND holder IS NOT NULL AND (SELECT count(*) FROM held) >= 0;

-- run: values in the text
INSERT INTO "deploys"."seq_runs" AS r (ns, id, number, strategy, state, owner, executable, lease, epoch, started, finished, reason, work, selection, saga, error)
	VALUES ('default', 'id?', (SELECT coalesce(max(number), 0) + 1 FROM "deploys"."seq_runs" WHERE ns = 'default'),
		'strategy?', 'state?', 'owner?', 'executable?', 'name?', 7, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, CASE WHEN TRUE THEN (extract(epoch FROM clock_timestamp()) * 1000)::bigint END, 'reason?', 'work?', 'selection?', 'saga?', 'error?')
	ON CONFLICT (ns, id) DO UPDATE SET
		strategy = excluded.strategy, state = excluded.state, owner = excluded.owner, executable = excluded.executable,
		lease = excluded.lease, epoch = excluded.epoch, finished = excluded.finished,
		reason = excluded.reason, work = excluded.work, selection = excluded.selection, saga = excluded.saga, error = excluded.error;

-- same transaction: values in the text
SELECT set_config('idle_in_transaction_session_timeout', (15000)::text, true) WHERE txid_current() = 7;

-- save, one row: values in the text
WITH v (v_id, v_token, v_saved) AS (VALUES ('it''s', 'it''s', '\x78'))
	UPDATE "deploys"."seq_ops" AS o SET saved = CAST(v_saved AS bytea),
		crashes = CASE WHEN o.saved IS NOT NULL AND o.saved = CAST(v_saved AS bytea) THEN o.crashes ELSE 0 END
	FROM v
	WHERE o.ns = 'default' AND o.id = v_id AND o.token = v_token AND o.finished IS NULL
	RETURNING id;

-- save, two rows: values in the text
WITH v (v_id, v_token, v_saved) AS (VALUES ('it''s', 'it''s', '\x78'), ('it''s', 'it''s', '\x78'))
	UPDATE "deploys"."seq_ops" AS o SET saved = CAST(v_saved AS bytea),
		crashes = CASE WHEN o.saved IS NOT NULL AND o.saved = CAST(v_saved AS bytea) THEN o.crashes ELSE 0 END
	FROM v
	WHERE o.ns = 'default' AND o.id = v_id AND o.token = v_token AND o.finished IS NULL
	RETURNING id;

-- seize: values in the text
WITH held AS MATERIALIZED (SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' FOR UPDATE) INSERT INTO "deploys"."seq_leases" AS l (ns, name, epoch, holder, owner, since, expires)
	SELECT 'default', 'name?', (extract(epoch FROM clock_timestamp()) * 1000)::bigint, 'holder?', 'owner?', (extract(epoch FROM clock_timestamp()) * 1000)::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 15000 WHERE (SELECT count(*) FROM held) >= 0
		AND NOT EXISTS (SELECT 1 FROM "deploys"."seq_controls" AS c WHERE c.ns = 'default' AND c.id = 'name?' AND c.wanted IN ('hold', 'stop')
			AND (c.until IS NULL OR c.until > (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AND (c.actor = '' OR c.actor <> 'actor?'))
	ON CONFLICT (ns, name) DO UPDATE SET
		epoch = greatest(l.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint), holder = excluded.holder, owner = excluded.owner, since = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, expires = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 15000
	WHERE l.holder IS NULL OR l.expires IS NULL OR l.expires <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint
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
		END || ' ' || run FROM "deploys"."seq_ops" WHERE ns = 'default' AND id IN ('a', 'b') AND TRUE;

-- serialize: values in the text
SELECT pg_advisory_xact_lock(hashtextextended('seq:ddl:' || coalesce('deploys', current_schema()), 0)), set_config('idle_in_transaction_session_timeout', (15000)::text, true);

-- set identity: values in the text
UPDATE "deploys"."seq_meta" SET value = 'token?' WHERE name = 'identity:default';

-- set version: values in the text
INSERT INTO "deploys"."seq_meta" (name, value) VALUES ('schema', '3');

-- single in the op's transaction, outcomes, claims, one row: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bytea)), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
	RETURNING id), k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (VALUES ($8::text, $9::text, $10::text, $11::text, $12::bigint, $13::bigint, $14::text, $15::text, $16::text, $17::text, $18::text, $19::text)), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = $20::text AND epoch = $21::bigint AND holder = $22::text
		AND (SELECT count(*) FROM there) + (SELECT count(*) FROM closed) >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		$20::text, $21::bigint, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 's', set_config('idle_in_transaction_session_timeout', (15000)::text, true) || CAST(CASE WHEN txid_current() <> $23::bigint THEN 'seq: the transaction of the op was ended'
	WHEN (SELECT count(*) FROM closed) <> 1 THEN 'seq: the attempt of the op is not open' ELSE '0' END AS bigint) UNION ALL SELECT 'o', id FROM closed UNION ALL SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single in the op's transaction, outcomes, claims, one row: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
	RETURNING id), k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s')), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?'
		AND (SELECT count(*) FROM there) + (SELECT count(*) FROM closed) >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		'name?', 7, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 's', set_config('idle_in_transaction_session_timeout', (15000)::text, true) || CAST(CASE WHEN txid_current() <> 7 THEN 'seq: the transaction of the op was ended'
	WHEN (SELECT count(*) FROM closed) <> 1 THEN 'seq: the attempt of the op is not open' ELSE '0' END AS bigint) UNION ALL SELECT 'o', id FROM closed UNION ALL SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single in the op's transaction, outcomes, claims, two rows: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
	RETURNING id), k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (SELECT * FROM unnest($8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[])), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = $20::text AND epoch = $21::bigint AND holder = $22::text
		AND (SELECT count(*) FROM there) + (SELECT count(*) FROM closed) >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		$20::text, $21::bigint, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 's', set_config('idle_in_transaction_session_timeout', (15000)::text, true) || CAST(CASE WHEN txid_current() <> $23::bigint THEN 'seq: the transaction of the op was ended'
	WHEN (SELECT count(*) FROM closed) <> 1 THEN 'seq: the attempt of the op is not open' ELSE '0' END AS bigint) UNION ALL SELECT 'o', id FROM closed UNION ALL SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single in the op's transaction, outcomes, claims, two rows: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78'), (2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
	RETURNING id), k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'), ('it''s', 'it''s', 'it''s', 'it''s', 2, 2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s')), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?'
		AND (SELECT count(*) FROM there) + (SELECT count(*) FROM closed) >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		'name?', 7, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 's', set_config('idle_in_transaction_session_timeout', (15000)::text, true) || CAST(CASE WHEN txid_current() <> 7 THEN 'seq: the transaction of the op was ended'
	WHEN (SELECT count(*) FROM closed) <> 1 THEN 'seq: the attempt of the op is not open' ELSE '0' END AS bigint) UNION ALL SELECT 'o', id FROM closed UNION ALL SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single in the op's transaction, outcomes, one row: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bytea)), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
SELECT 's', set_config('idle_in_transaction_session_timeout', (15000)::text, true) || CAST(CASE WHEN txid_current() <> $8::bigint THEN 'seq: the transaction of the op was ended'
	WHEN (SELECT count(*) FROM closed) <> 1 THEN 'seq: the attempt of the op is not open' ELSE '0' END AS bigint) UNION ALL SELECT 'o', id FROM closed;

-- single in the op's transaction, outcomes, one row: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
SELECT 's', set_config('idle_in_transaction_session_timeout', (15000)::text, true) || CAST(CASE WHEN txid_current() <> 7 THEN 'seq: the transaction of the op was ended'
	WHEN (SELECT count(*) FROM closed) <> 1 THEN 'seq: the attempt of the op is not open' ELSE '0' END AS bigint) UNION ALL SELECT 'o', id FROM closed;

-- single in the op's transaction, outcomes, two rows: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
SELECT 's', set_config('idle_in_transaction_session_timeout', (15000)::text, true) || CAST(CASE WHEN txid_current() <> $8::bigint THEN 'seq: the transaction of the op was ended'
	WHEN (SELECT count(*) FROM closed) <> 1 THEN 'seq: the attempt of the op is not open' ELSE '0' END AS bigint) UNION ALL SELECT 'o', id FROM closed;

-- single in the op's transaction, outcomes, two rows: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78'), (2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
SELECT 's', set_config('idle_in_transaction_session_timeout', (15000)::text, true) || CAST(CASE WHEN txid_current() <> 7 THEN 'seq: the transaction of the op was ended'
	WHEN (SELECT count(*) FROM closed) <> 1 THEN 'seq: the attempt of the op is not open' ELSE '0' END AS bigint) UNION ALL SELECT 'o', id FROM closed;

-- single, claims, one row: values beside it
WITH k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (VALUES ($1::text, $2::text, $3::text, $4::text, $5::bigint, $6::bigint, $7::text, $8::text, $9::text, $10::text, $11::text, $12::text)), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = $13::text AND epoch = $14::bigint AND holder = $15::text
		AND (SELECT count(*) FROM there) + 0 >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		$13::text, $14::bigint, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single, claims, one row: values in the text
WITH k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s')), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?'
		AND (SELECT count(*) FROM there) + 0 >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		'name?', 7, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single, claims, two rows: values beside it
WITH k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = $13::text AND epoch = $14::bigint AND holder = $15::text
		AND (SELECT count(*) FROM there) + 0 >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		$13::text, $14::bigint, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single, claims, two rows: values in the text
WITH k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'), ('it''s', 'it''s', 'it''s', 'it''s', 2, 2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s')), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?'
		AND (SELECT count(*) FROM there) + 0 >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		'name?', 7, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single, outcomes, claims, one row: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bytea)), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
	RETURNING id), k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (VALUES ($8::text, $9::text, $10::text, $11::text, $12::bigint, $13::bigint, $14::text, $15::text, $16::text, $17::text, $18::text, $19::text)), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = $20::text AND epoch = $21::bigint AND holder = $22::text
		AND (SELECT count(*) FROM there) + (SELECT count(*) FROM closed) >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		$20::text, $21::bigint, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 'o', id FROM closed UNION ALL SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single, outcomes, claims, one row: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
	RETURNING id), k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s')), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?'
		AND (SELECT count(*) FROM there) + (SELECT count(*) FROM closed) >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		'name?', 7, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 'o', id FROM closed UNION ALL SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single, outcomes, claims, two rows: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
	RETURNING id), k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (SELECT * FROM unnest($8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[])), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = $20::text AND epoch = $21::bigint AND holder = $22::text
		AND (SELECT count(*) FROM there) + (SELECT count(*) FROM closed) >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		$20::text, $21::bigint, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 'o', id FROM closed UNION ALL SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single, outcomes, claims, two rows: values in the text
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78'), (2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
	RETURNING id), k (k_id, k_state, k_run, k_delivery, k_generation, k_attempt, k_token, k_direction, k_owner, k_executable, k_life, k_checksum) AS (VALUES ('it''s', 'it''s', 'it''s', 'it''s', 1, 1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s'), ('it''s', 'it''s', 'it''s', 'it''s', 2, 2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', 'it''s')), there AS MATERIALIZED (
	SELECT o.*, k_attempt FROM (SELECT k_id, k_attempt FROM k ORDER BY k_id) AS k,
		LATERAL (SELECT * FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = k_id FOR UPDATE) AS o), lease AS MATERIALIZED (
	SELECT 1 FROM "deploys"."seq_leases" WHERE ns = 'default' AND name = 'name?' AND epoch = 7 AND holder = 'holder?'
		AND (SELECT count(*) FROM there) + (SELECT count(*) FROM closed) >= 0
	FOR KEY SHARE), archived AS (
	INSERT INTO "deploys"."seq_attempts" (ns, id, number, direction, run, owner, executable, token, started, finished, state, ended, error)
	SELECT o.ns, o.id, o.attempt, o.direction, o.run, o.owner, o.executable, o.token, o.started, o.finished, o.state, o.ended, o.error
	FROM there AS o, lease
	WHERE o.started IS NOT NULL AND (o.token IS NULL OR o.finished IS NOT NULL) AND o.attempt = o.k_attempt - 1 AND o.state IN ('pending', 'scheduled', 'running', 'succeeded', 'skipped', 'failed', 'tolerated', 'indeterminate', 'rollback-pending', 'rolling-back', 'rolled-back', 'rollback-failed', 'waived') AND o.delivery IN ('repeatable', 'transactional', 'once') AND o.direction IN ('run', 'rollback', 'by hand')), opened AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, state, run, delivery, generation, attempt, token, started, direction, owner, executable, lease, fence, life, checksum)
	SELECT 'default', k_id, k_state, k_run, k_delivery, k_generation, k.k_attempt, k_token, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, k_direction, k_owner, k_executable,
		'name?', 7, k_life, k_checksum
	FROM k LEFT JOIN there ON there.id = k_id, lease
	WHERE k.k_attempt = 1 OR there.id IS NOT NULL
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
	RETURNING id)
SELECT 'o', id FROM closed UNION ALL SELECT 'l', '' FROM lease UNION ALL SELECT 'c', id FROM opened;

-- single, outcomes, one row: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bytea)), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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

-- single, outcomes, two rows: values beside it
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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
WITH v (v_order, v_id, v_token, v_state, v_ended, v_error, v_saved) AS (VALUES (1, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78'), (2, 'it''s', 'it''s', 'it''s', 'it''s', 'it''s', '\x78')), w AS MATERIALIZED (SELECT v.*, CASE WHEN v_state IN ('succeeded', 'rolled-back') AND v_ended <> 'withdrawn'
		THEN nextval('"deploys"."seq_sequence"') ELSE 0 END AS v_number FROM v), closed AS (
	INSERT INTO "deploys"."seq_ops" AS o (ns, id, token, state, ended, error, saved, seq, delivery)
	SELECT 'default', v_id, v_token, v_state, v_ended, v_error, CAST(v_saved AS bytea), v_number, '' FROM w
	WHERE EXISTS (SELECT 1 FROM "deploys"."seq_ops" AS p WHERE p.ns = 'default' AND p.id = v_id OFFSET 0)
	ON CONFLICT (ns, id) DO UPDATE SET
		state = excluded.state, finished = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, ended = excluded.ended, error = excluded.error,
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

-- transaction status: values in the text
SELECT txid_status(7);

-- all that Acquire executes for a new ledger
CREATE SCHEMA IF NOT EXISTS "deploys";

CREATE TABLE IF NOT EXISTS "deploys"."seq_meta" (name text COLLATE "C" PRIMARY KEY, value text NOT NULL);

CREATE SEQUENCE IF NOT EXISTS "deploys"."seq_sequence";

CREATE TABLE IF NOT EXISTS "deploys"."seq_leases" (
	ns text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
	epoch bigint NOT NULL,
	holder text,
	owner text NOT NULL,
	since bigint NOT NULL,
	expires bigint,
	PRIMARY KEY (ns, name)
);

CREATE TABLE IF NOT EXISTS "deploys"."seq_controls" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	wanted text NOT NULL,
	size bigint NOT NULL DEFAULT 0, rest bigint NOT NULL DEFAULT 0,
	until bigint,
	actor text NOT NULL DEFAULT '', reason text NOT NULL DEFAULT '',
	asked bigint,
	heard bigint NOT NULL DEFAULT 0, answered bigint,
	note text NOT NULL DEFAULT '', noted bigint,
	PRIMARY KEY (ns, id)
);

CREATE TABLE IF NOT EXISTS "deploys"."seq_runs" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	strategy text NOT NULL, state text NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	lease text NOT NULL, epoch bigint NOT NULL,
	started bigint NOT NULL, finished bigint,
	reason text NOT NULL DEFAULT '', work text NOT NULL DEFAULT '', selection text NOT NULL DEFAULT '', saga boolean NOT NULL DEFAULT FALSE, error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
);

CREATE INDEX IF NOT EXISTS "seq_runs_by_number" ON "deploys"."seq_runs" (ns, number);

CREATE INDEX IF NOT EXISTS "seq_runs_unfinished" ON "deploys"."seq_runs" (ns, number) WHERE (state IN ('started', 'rolling-back', 'waiting') OR state = 'interrupted' AND saga);

CREATE TABLE IF NOT EXISTS "deploys"."seq_ops" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
	state text NOT NULL,
	run text COLLATE "C" NOT NULL DEFAULT '',
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
	saved bytea,
	checksum text NOT NULL DEFAULT '',
	done bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, best bigint NOT NULL DEFAULT 0, moved bigint,
	tx bigint NOT NULL DEFAULT 0,
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id)
);

CREATE INDEX IF NOT EXISTS "seq_ops_by_run" ON "deploys"."seq_ops" (ns, run, id);

CREATE TABLE IF NOT EXISTS "deploys"."seq_attempts" (
	ns text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, number bigint NOT NULL,
	direction text NOT NULL,
	run text COLLATE "C" NOT NULL,
	owner text NOT NULL, executable text NOT NULL DEFAULT '',
	token text NOT NULL,
	started bigint NOT NULL, finished bigint NOT NULL,
	state text NOT NULL,
	ended text NOT NULL DEFAULT '',
	error text NOT NULL DEFAULT '',
	PRIMARY KEY (ns, id, number)
);

CREATE INDEX IF NOT EXISTS "seq_attempts_by_run" ON "deploys"."seq_attempts" (ns, run, id, number);

CREATE INDEX IF NOT EXISTS "seq_attempts_by_time" ON "deploys"."seq_attempts" (ns, finished);

INSERT INTO "deploys"."seq_meta" (name, value) VALUES ('schema', '3');

