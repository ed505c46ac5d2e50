// What glog asks its config.h for, on any Linux. No stack traces: they would need to know the
// processor.
#define GOOGLE_NAMESPACE google
#define _START_GOOGLE_NAMESPACE_ namespace google {
#define _END_GOOGLE_NAMESPACE_ }
#define STL_NAMESPACE std
#define HAVE_NAMESPACES 1
#define HAVE_USING_OPERATOR 1
#define HAVE___ATTRIBUTE__ 1
#define HAVE___BUILTIN_EXPECT 1
#define HAVE___SYNC_VAL_COMPARE_AND_SWAP 1
#define HAVE_FCNTL 1
#define HAVE_GLOB_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_PREAD 1
#define HAVE_PTHREAD 1
#define HAVE_PWD_H 1
#define HAVE_PWRITE 1
#define HAVE_RWLOCK 1
#define HAVE_STDINT_H 1
#define HAVE_STDLIB_H 1
#define HAVE_STRING_H 1
#define HAVE_STRINGS_H 1
#define HAVE_SYSCALL_H 1
#define HAVE_SYSLOG_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_SYSCALL_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_SYS_UTSNAME_H 1
#define HAVE_UNISTD_H 1
#define SIZEOF_VOID_P __SIZEOF_POINTER__
