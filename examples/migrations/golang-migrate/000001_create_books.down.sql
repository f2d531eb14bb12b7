DROP TABLE migrations_books;
