ALTER TABLE migrations_books ADD COLUMN author VARCHAR;
