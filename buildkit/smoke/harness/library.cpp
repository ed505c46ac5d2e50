#include "library.hpp"

#include <dlfcn.h>

#include <stdexcept>

namespace harness {

namespace {

std::string reason()
{
  const char* text = ::dlerror();
  return text == nullptr ? "no reason given" : text;
}

} // namespace


void* openLibrary(const std::string& path)
{
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw std::runtime_error(reason());
  }
  return library;
}


void* findDescriptor(void* library, const std::string& symbol)
{
  void* descriptor = ::dlsym(library, symbol.c_str());
  if (descriptor == nullptr) {
    throw std::runtime_error(reason());
  }
  return descriptor;
}

} // namespace harness
