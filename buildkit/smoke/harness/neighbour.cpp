// A module for another release, as far as a loader looks before it refuses one: the descriptor
// alone. It has had these fields in every release since 0.22, and no header of Mesos is needed to
// write it down. Compiled by scenario.sh, which says what it is called and claims to be.

extern "C" {

struct NeighbourDescriptor
{
  const char* moduleApiVersion;
  const char* mesosVersion;
  const char* kind;
  const char* authorName;
  const char* authorEmail;
  const char* description;
  bool (*compatible)();
  void* (*create)(const void* parameters);
};

static void* create(const void*)
{
  return nullptr;
}

NeighbourDescriptor NEIGHBOUR_SYMBOL = {
  NEIGHBOUR_API_VERSION,
  NEIGHBOUR_RELEASE,
  NEIGHBOUR_KIND,
  "mesos-buildkit",
  "mesos-buildkit@example.org",
  "Offered to a release that it is not for.",
  nullptr,
  create,
};

} // extern "C"
