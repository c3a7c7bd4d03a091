/* A program that knows nothing of Python: reads exported vectors of `forward`, computes y = theta x + b, writes y.

   usage: forward FOLDER ID; reads FOLDER/inputs/ID/index.txt, writes FOLDER/outputs/ID/y.bin */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    void *data;
    long sides[4];
} Array;

static char folder[4096];

static void *all_of(const char *file, size_t size) {
    char path[8192];
    void *data = malloc(size + 1);
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *in = fopen(path, "rb");
    if (!in || fread(data, 1, size, in) != size) exit(1);
    fclose(in);
    return data;
}

int main(int count, char **words) {
    if (count != 3) return 2;
    char kind[32], name[64], type[16], file[128], path[8192];
    Array indptr = {0}, indices = {0}, values = {0}, x = {0}, bias = {0};
    snprintf(folder, sizeof folder, "%s/inputs/%s", words[1], words[2]);
    snprintf(path, sizeof path, "%s/index.txt", folder);
    FILE *index = fopen(path, "r");
    if (!index) return 1;
    while (fscanf(index, "%31s", kind) == 1) {
        if (strcmp(kind, "array")) { /* a value, nothing, or what is to be written: not needed here */
            if (fscanf(index, "%*[^\n]") < 0) break;
            continue;
        }
        int axes;
        size_t size = 4; /* float32 and int32 */
        Array array = {0};
        if (fscanf(index, "%63s %15s %127s %d", name, type, file, &axes) != 4) return 1;
        for (int axis = 0; axis < axes; axis++) {
            if (fscanf(index, "%ld", &array.sides[axis]) != 1) return 1;
            size *= (size_t)array.sides[axis];
        }
        array.data = all_of(file, size);
        if (!strcmp(name, "weights.indptr")) indptr = array;
        if (!strcmp(name, "weights.indices")) indices = array;
        if (!strcmp(name, "weights.values")) values = array;
        if (!strcmp(name, "x")) x = array;
        if (!strcmp(name, "bias")) bias = array;
    }
    fclose(index);
    long rows = indptr.sides[0] - 1, batch = x.sides[1];
    float *y = malloc(sizeof(float) * (size_t)(rows * batch + 1));
    for (long i = 0; i < rows; i++)
        for (long b = 0; b < batch; b++) {
            float sum = bias.data ? ((float *)bias.data)[i] : 0;
            for (long k = ((int32_t *)indptr.data)[i]; k < ((int32_t *)indptr.data)[i + 1]; k++)
                sum += ((float *)values.data)[k] * ((float *)x.data)[((int32_t *)indices.data)[k] * batch + b];
            y[i * batch + b] = sum;
        }
    snprintf(path, sizeof path, "%s/outputs/%s/y.bin", words[1], words[2]);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(y, 4, (size_t)(rows * batch), out) != (size_t)(rows * batch)) return 1;
    return fclose(out);
}
