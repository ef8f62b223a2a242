-- Prints the tables, columns, indexes and constraints of a MySQL or MariaDB schema, for `schema_command`:
--   mysql --defaults-file=FILE --batch --skip-column-names SCHEMA < schema.sql
-- In a deployment file that is ["sh", "-c", "mysql ... < schema.sql"]. Newer clients of MySQL know no `source` in `-e`.
-- Each line is `table NAME`, `column TABLE NAME TYPE`, `index TABLE NAME` or `constraint TABLE NAME`, with tabs between the
-- words. The last one is `end`, so that a list that was cut off is noticed.
SELECT 'table', table_name, '', '' FROM information_schema.tables WHERE table_schema = database()
UNION ALL SELECT 'column', table_name, column_name,
  concat(column_type, if(is_nullable = 'YES', ' NULL', ' NOT NULL'))
  FROM information_schema.columns WHERE table_schema = database()
UNION ALL SELECT DISTINCT 'index', table_name, index_name, ''
  FROM information_schema.statistics WHERE table_schema = database()
UNION ALL SELECT 'constraint', table_name, constraint_name, ''
  FROM information_schema.table_constraints
  WHERE table_schema = database() AND constraint_type IN ('FOREIGN KEY', 'CHECK')
UNION ALL SELECT 'end', '', '', '';
