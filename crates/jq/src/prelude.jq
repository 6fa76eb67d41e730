def not: if . then false else true end;
def select(f): if f then . else empty end;
def map(f): [.[] | f];
def map_values(f): .[] |= f;
def in(container): . as $key | container | has($key);
def inside(container): . as $part | container | contains($part);
def with_entries(f): to_entries | map(f) | from_entries;
def del(f): delpaths([path(f)]);

def recurse: recurse(.[]?);
def recurse(f): def down: ., (f | down); down;
def recurse(f; condition): def down: ., (f | select(condition) | down); down;
def while(condition; update):
  def loop: if condition then ., (update | loop) else empty end;
  loop;
def until(condition; update): def loop: if condition then . else update | loop end; loop;
def repeat(f): def loop: f, loop; loop;
def range($end): _range(0; $end; 1);
def range($start; $end): _range($start; $end; 1);
def range($start; $end; $step): _range($start; $end; $step);
def walk(f):
  def down:
    if type == "array" then map(down) elif type == "object" then map_values(down) end | f;
  down;

def min_by(f): _min_by(map([f]));
def max_by(f): _max_by(map([f]));
def sort_by(f): _sort_by(map([f]));
def group_by(f): _group_by(map([f]));
def unique_by(f): _unique_by(map([f]));

def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type | . == "array" or . == "object");
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def finites: select(isfinite);
def normals: select(isnormal);
def strings: select(type == "string");
def nulls: select(. == null);
def values: select(. != null);
def scalars: select(type | . != "array" and . != "object");

def first: .[0];
def first(f): label $done | f | ., break $done;
def last: .[-1];
def last(f): reduce f as $it (null; $it);
def isempty(f): label $done | (f | false, break $done), true;
def any: any(.[]; .);
def any(f): any(.[]; f);
def any(f; condition): isempty(f | select(condition)) | not;
def all: all(.[]; .);
def all(f): all(.[]; f);
def all(f; condition): isempty(f | select(condition | not));
def limit($count; f):
  if $count > 0 then _limit($count; f)
  elif $count == 0 then empty
  else f
  end;
def nth($position): .[$position];
def nth($position; f):
  if $position < 0 then error("nth doesn't support negative indices")
  else _nth($position + 1; f)
  end;
def combinations:
  if length == 0 then [] else .[0][] as $first | [$first] + (.[1:] | combinations) end;
def combinations($count): . as $choices | [range($count) | $choices] | combinations;

def paths: path(..) | select(. != []);
def paths(f): path(.. | select(f)) | select(. != []);
def pick(f): . as $value | reduce path(f) as $path (null; setpath($path; $value | getpath($path)));
def tostream:
  path(def down: (.[]? | down), .; down) as $path
  | getpath($path)
  | reduce path(.[]?) as $step ([$path, .]; [$path + $step]);
def fromstream(f):
  {value: null, is_whole: false} as $init
  | foreach f as $event (
      $init;
      if .is_whole then $init end
      | if $event | length == 2 then
          setpath(["is_whole"]; $event[0] | length == 0)
          | setpath(["value"] + $event[0]; $event[1])
        else setpath(["is_whole"]; $event[0] | length == 1)
        end;
      if .is_whole then .value else empty end
    );
def truncate_stream(f):
  . as $depth | null | f | if .[0] | length > $depth then .[0] |= .[$depth:] else empty end;

def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%S%z") | mktime;
def todate: todateiso8601;
def fromdate: fromdateiso8601;

def match($pattern): match($pattern; null);
def match($pattern; $flags): _match($pattern; $flags)[];
def test($pattern): test($pattern; null);
def test($pattern; $flags): _test($pattern; $flags);
def capture($pattern): capture($pattern; null);
def capture($pattern; $flags): match($pattern; $flags) | _capture;
def scan($pattern): scan($pattern; null);
def scan($pattern; $flags):
  match($pattern; $flags + "g")
  | if .captures == [] then .string else [.captures[].string] end;
def splits($pattern): splits($pattern; null);
def splits($pattern; $flags): split($pattern; $flags)[];
def sub($pattern; replacement): sub($pattern; replacement; null);
def sub($pattern; replacement; $flags):
  _between($pattern; $flags) as [$captures, $gaps]
  | def replace($left):
      if $left == 0 then .
      else ($captures[$left - 1] | replacement) as $new | . + [$new] | replace($left - 1)
      end;
  [] | replace($captures | length) | _fill($gaps);
def gsub($pattern; replacement): sub($pattern; replacement; "g");
def gsub($pattern; replacement; $flags): sub($pattern; replacement; $flags + "g");

def INDEX(f; key): reduce f as $row ({}; .[$row | key | tostring] = $row);
def INDEX(key): INDEX(.[]; key);
def JOIN($index; key): [.[] | [., $index[key]]];
def JOIN($index; f; key): f | [., $index[key]];
def JOIN($index; f; key; join): f | [., $index[key]] | join;
def IN(f): any(f == .; .);
def IN(values; f): any(values == f; .);
