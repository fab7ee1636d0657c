-- Prints "log segment node" for every member of a nodeset that the nodes configuration does not know.
--   cd DIRECTORY && sqlite3 -separator ' ' :memory: < unknown.sql
create table known as select json_extract(value, '$[0]') as id from json_each(readfile('nodes_config.json'), '$.nodes');
create table segments as
  select json_extract(log.value, '$[0]') as log, json_extract(segment.value, '$[1].index') as number, json_extract(segment.value, '$[1].params') as params
  from json_each(readfile('bifrost_config.json'), '$.logs') as log, json_each(log.value, '$[1].chain') as segment
  where json_extract(segment.value, '$[1].kind') = 'replicated';
select log, number, member.value from segments, json_each(params, '$.nodeset') as member where member.value not in (select id from known);
