/* The functions that stout/gzip.hpp calls, for a libprocess without zlib: nothing is compressed or
   unpacked. Hidden, because a module may have a real zlib beside them. */

#define HIDDEN __attribute__((visibility("hidden")))

enum { STREAM_ERROR = -2 };

HIDDEN int deflateInit2_(
    void* stream,
    int level,
    int method,
    int window,
    int memory,
    int strategy,
    const char* version,
    int size)
{
  (void) stream, (void) level, (void) method, (void) window, (void) memory, (void) strategy;
  (void) version, (void) size;
  return STREAM_ERROR;
}

HIDDEN int deflate(void* stream, int flush)
{
  (void) stream, (void) flush;
  return STREAM_ERROR;
}

HIDDEN int deflateEnd(void* stream)
{
  (void) stream;
  return 0;
}

HIDDEN int inflateInit2_(void* stream, int window, const char* version, int size)
{
  (void) stream, (void) window, (void) version, (void) size;
  return STREAM_ERROR;
}

HIDDEN int inflate(void* stream, int flush)
{
  (void) stream, (void) flush;
  return STREAM_ERROR;
}

HIDDEN int inflateEnd(void* stream)
{
  (void) stream;
  return 0;
}
