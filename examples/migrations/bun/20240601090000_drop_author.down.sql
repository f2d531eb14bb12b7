ALTER TABLE migrations_books ADD COLUMN author VARCHAR

--bun:split

DROP INDEX migrations_books_by_author
