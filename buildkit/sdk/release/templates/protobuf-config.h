// What protobuf before 3.0 asks its config.h for: the hash containers of C++11, whatever the
// compiler, and POSIX threads.
#define HAVE_PTHREAD 1
#define HAVE_HASH_MAP 1
#define HAVE_HASH_SET 1
#define HASH_NAMESPACE std
#define HASH_MAP_H <unordered_map>
#define HASH_SET_H <unordered_set>
#define HASH_MAP_CLASS unordered_map
#define HASH_SET_CLASS unordered_set
