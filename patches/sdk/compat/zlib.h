// The part of zlib's interface that stout/gzip.hpp uses, for systems without its header. Types,
// names and numbers are those of zlib's ABI, so a module that links with -lz works.
#pragma once

#define ZLIB_VERSION "1.2.0"

#define Z_NULL 0

#define Z_NO_FLUSH 0
#define Z_SYNC_FLUSH 2
#define Z_FINISH 4

#define Z_OK 0
#define Z_STREAM_END 1
#define Z_NEED_DICT 2
#define Z_ERRNO (-1)
#define Z_STREAM_ERROR (-2)
#define Z_DATA_ERROR (-3)
#define Z_MEM_ERROR (-4)
#define Z_BUF_ERROR (-5)
#define Z_VERSION_ERROR (-6)

#define Z_NO_COMPRESSION 0
#define Z_BEST_SPEED 1
#define Z_BEST_COMPRESSION 9
#define Z_DEFAULT_COMPRESSION (-1)

#define Z_DEFAULT_STRATEGY 0
#define Z_DEFLATED 8
#define MAX_WBITS 15
#define MAX_MEM_LEVEL 9

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned char Byte;
typedef Byte Bytef;
typedef unsigned int uInt;
typedef unsigned long uLong;
typedef void* voidpf;

typedef struct z_stream_s {
  Bytef* next_in;
  uInt avail_in;
  uLong total_in;
  Bytef* next_out;
  uInt avail_out;
  uLong total_out;
  char* msg;
  void* state;
  voidpf (*zalloc)(voidpf opaque, uInt items, uInt size);
  void (*zfree)(voidpf opaque, voidpf address);
  voidpf opaque;
  int data_type;
  uLong adler;
  uLong reserved;
} z_stream;

int deflateInit2_(
    z_stream* stream,
    int level,
    int method,
    int window,
    int memory,
    int strategy,
    const char* version,
    int size);
int deflate(z_stream* stream, int flush);
int deflateEnd(z_stream* stream);
int inflateInit2_(z_stream* stream, int window, const char* version, int size);
int inflate(z_stream* stream, int flush);
int inflateEnd(z_stream* stream);

#ifdef __cplusplus
}
#endif

#define deflateInit2(stream, level, method, window, memory, strategy) \
  deflateInit2_( \
      (stream), \
      (level), \
      (method), \
      (window), \
      (memory), \
      (strategy), \
      ZLIB_VERSION, \
      (int) sizeof(z_stream))
#define inflateInit2(stream, window) \
  inflateInit2_((stream), (window), ZLIB_VERSION, (int) sizeof(z_stream))
