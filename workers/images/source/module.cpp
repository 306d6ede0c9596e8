// The Python module `workers.images._plain_header`: the bytes of a file in, pydicom's raw elements out.
//
// Through Python's own interface: what takes the time is making a tuple, its numbers and its bytes for each element.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "header_walk.hpp"

namespace {

// A reference that is given back at the end of its block.
class Owned {
public:
    explicit Owned(PyObject* object) : object_(object) {}
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() { Py_XDECREF(object_); }
    PyObject* get() const { return object_; }
    PyObject* release() {
        PyObject* object = object_;
        object_ = nullptr;
        return object;
    }
    explicit operator bool() const { return object_ != nullptr; }

private:
    PyObject* object_;
};

// What pydicom makes elements of; set once, when the module is imported.
struct Pydicom {
    PyTypeObject* raw_element = nullptr;
    PyObject* tag = nullptr;
    std::array<PyObject*, headers::VRS.size()> vrs{}, empty{};
} pydicom;

constexpr const char* FIELDS[] = {"tag", "VR", "length", "value", "value_tell", "is_implicit_VR", "is_little_endian", "is_raw",
                                  "is_buffered"};
constexpr Py_ssize_t FIELD_COUNT = sizeof FIELDS / sizeof *FIELDS;

// The tags of images are the same from file to file: each is made once, and replaced where another needs its place.
std::array<PyObject*, 4096> tags{};
std::array<std::uint32_t, tags.size()> tag_numbers{};

PyObject* tag_of(std::uint32_t number) {
    const std::size_t place = (number * 2654435761u) >> 20;
    if (!tags[place] || tag_numbers[place] != number) {
        Owned made(PyObject_CallFunction(pydicom.tag, "k", static_cast<unsigned long>(number)));
        if (!made) return nullptr;
        Py_XSETREF(tags[place], made.release());
        tag_numbers[place] = number;
    }
    return Py_NewRef(tags[place]);
}

PyObject* value_of(const headers::Element& element, const char* bytes) {
    if (element.length == 0) return Py_NewRef(pydicom.empty[element.vr]);
    return PyBytes_FromStringAndSize(bytes + element.value, static_cast<Py_ssize_t>(element.length));
}

PyObject* raw_element(PyObject* tag, const headers::Element& element, const char* bytes) {
    Owned length(PyLong_FromUnsignedLong(element.length)), value(value_of(element, bytes)), at(PyLong_FromSize_t(element.value));
    if (!length || !value || !at) return nullptr;
    PyObject* made = pydicom.raw_element->tp_alloc(pydicom.raw_element, FIELD_COUNT);
    if (!made) return nullptr;
    PyObject* const fields[] = {Py_NewRef(tag),     Py_NewRef(pydicom.vrs[element.vr]), length.release(),
                                value.release(),    at.release(),                       Py_NewRef(Py_False),
                                Py_NewRef(Py_True), Py_NewRef(Py_True),                 Py_NewRef(Py_False)};
    for (Py_ssize_t place = 0; place < FIELD_COUNT; ++place) PyTuple_SET_ITEM(made, place, fields[place]);
    PyObject_GC_UnTrack(made);  // it holds nothing that could lead back to it
    return made;
}

bool holds(PyObject* number, std::size_t value) { return PyLong_AsSize_t(number) == value; }

// Returns whether a raw element is what would be made of this one.
bool is_same(PyObject* raw, const headers::Element& element, const char* bytes) {
    if (Py_TYPE(raw) != pydicom.raw_element || PyTuple_GET_SIZE(raw) != FIELD_COUNT) return false;
    const auto field = [raw](Py_ssize_t place) { return PyTuple_GET_ITEM(raw, place); };
    if (field(1) != pydicom.vrs[element.vr] || !holds(field(2), element.length) || !holds(field(4), element.value)) return false;
    if (field(5) != Py_False || field(6) != Py_True || field(7) != Py_True || field(8) != Py_False) return false;
    if (element.length == 0) return field(3) == pydicom.empty[element.vr];
    return PyBytes_CheckExact(field(3)) && PyBytes_GET_SIZE(field(3)) == static_cast<Py_ssize_t>(element.length) &&
           std::memcmp(PyBytes_AS_STRING(field(3)), bytes + element.value, element.length) == 0;
}

// Returns the element among `known` if it is the same, else a new one, which takes its place there. `known` may be null.
PyObject* shared_element(PyObject* known, PyObject* tag, const headers::Element& element, const char* bytes) {
    if (known) {
        PyObject* const found = PyDict_GetItemWithError(known, tag);
        if (found && is_same(found, element, bytes)) return Py_NewRef(found);
        if (PyErr_Occurred()) return nullptr;
    }
    Owned made(raw_element(tag, element, bytes));
    if (!made || (known && PyDict_SetItem(known, tag, made.get()) < 0)) return nullptr;
    return made.release();
}

// Returns {tag: element}, with the end of its items for each sequence of undefined length, which pydicom reads at once.
PyObject* elements_of(const headers::Header& header, const char* bytes, PyObject* known) {
    Owned elements(PyDict_New());
    if (!elements) return nullptr;
    for (const headers::Element& element : header.elements) {
        Owned tag(tag_of(element.tag));
        if (!tag) return nullptr;
        const bool is_open = element.length == headers::UNDEFINED;
        Owned made(is_open ? Py_BuildValue("(nn)", static_cast<Py_ssize_t>(element.value), static_cast<Py_ssize_t>(element.end))
                           : shared_element(known, tag.get(), element, bytes));
        if (!made || PyDict_SetItem(elements.get(), tag.get(), made.get()) < 0) return nullptr;
    }
    return elements.release();
}

PyObject* read(PyObject*, PyObject* arguments) {
    Py_buffer content;
    PyObject* known;
    Py_ssize_t depth, items, header_bytes;
    if (!PyArg_ParseTuple(arguments, "y*Onnn", &content, &known, &depth, &items, &header_bytes)) return nullptr;
    PyObject* found = nullptr;
    try {
        const headers::Limits limits{static_cast<std::size_t>(depth), static_cast<std::size_t>(items),
                                     static_cast<std::size_t>(header_bytes)};
        const char* const bytes = static_cast<const char*>(content.buf);
        const headers::Header header =
            headers::Walk(static_cast<const std::uint8_t*>(content.buf), static_cast<std::size_t>(content.len), limits).run();
        const headers::Element &syntax = header.transfer_syntax, &pixels = header.pixel_data;
        if (Owned elements(elements_of(header, bytes, PyDict_Check(known) ? known : nullptr)); elements)
            found = Py_BuildValue("(Oy#nnkn)", elements.get(), bytes + syntax.value, static_cast<Py_ssize_t>(syntax.length),
                                  static_cast<Py_ssize_t>(header.bytes), static_cast<Py_ssize_t>(pixels.value),
                                  static_cast<unsigned long>(pixels.length), static_cast<Py_ssize_t>(header.open_sequences));
    } catch (const headers::NotPlain&) {
        found = Py_NewRef(Py_None);
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    }
    PyBuffer_Release(&content);
    return found;
}

bool is_as_expected(PyObject* raw_element) {
    if (!PyType_Check(raw_element) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(raw_element), &PyTuple_Type)) return false;
    Owned fields(PyObject_GetAttrString(raw_element, "_fields"));
    if (!fields || !PyTuple_Check(fields.get()) || PyTuple_GET_SIZE(fields.get()) != FIELD_COUNT) return false;
    for (Py_ssize_t place = 0; place < FIELD_COUNT; ++place)
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(fields.get(), place), FIELDS[place]) != 0) return false;
    return true;
}

bool find_pydicom() {
    Owned elements(PyImport_ImportModule("pydicom.dataelem")), tag(PyImport_ImportModule("pydicom.tag"));
    if (!elements || !tag) return false;
    Owned raw(PyObject_GetAttrString(elements.get(), "RawDataElement")), made(PyObject_GetAttrString(tag.get(), "BaseTag"));
    if (!raw || !made) return false;
    if (!is_as_expected(raw.get())) {
        PyErr_SetString(PyExc_ImportError, "pydicom's RawDataElement has other fields than this version of radtme knows");
        return false;
    }
    for (std::size_t at = 0; at < headers::VRS.size(); ++at) {
        pydicom.vrs[at] = PyUnicode_InternFromString(headers::VRS[at].name);
        if (!pydicom.vrs[at]) return false;
        pydicom.empty[at] = PyObject_CallMethod(elements.get(), "empty_value_for_VR", "OO", pydicom.vrs[at], Py_True);
        if (!pydicom.empty[at]) return false;
    }
    pydicom.raw_element = reinterpret_cast<PyTypeObject*>(raw.release());
    pydicom.tag = made.release();
    return true;
}

PyObject* tag(PyObject*, PyObject* number) {
    const unsigned long value = PyLong_AsUnsignedLong(number);
    if (PyErr_Occurred()) return nullptr;
    if (value > 0xFFFFFFFF) return PyErr_Format(PyExc_OverflowError, "a tag has 32 bits");
    return tag_of(static_cast<std::uint32_t>(value));
}

PyMethodDef functions[] = {
    {"read", read, METH_VARARGS, nullptr}, {"tag", tag, METH_O, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_plain_header", nullptr, -1, functions, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__plain_header() {
    if (!find_pydicom()) return nullptr;
    Owned module(PyModule_Create(&definition));
    if (!module || PyModule_AddStringConstant(module.get(), "SOURCES", SOURCES) < 0) return nullptr;
    return module.release();
}
