// Put before every program. VW channels are worked on at a time; GROUP work-items make a work-group.
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

#if VW == 1
typedef float vec;
typedef int ivec;
#define LOAD(p) (*(p))
#define STORE(v, p) (*(p) = (v))
#else
typedef PASTE(float, VW) vec;
typedef PASTE(int, VW) ivec;
#define LOAD(p) PASTE(vload, VW)(0, (p))
#define STORE(v, p) PASTE(vstore, VW)((v), 0, (p))
#endif

#define LINE_KERNEL __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))

// max and fmax may drop a NaN; a comparison that fails keeps it.
inline vec rectified(vec x) { return x < 0 ? (vec)0 : x; }
