import Glibc
import NetCore

/// The functions of libiptc (libiptc/libiptc.h, libip6tc.h) for one family: they differ in nothing but their names and in the shape of
/// an entry. Loaded when a table of the family is asked for: most calls need one family, and each library that a program is linked
/// with costs its start 0.04 ms.
struct Libiptc: Sendable {
    typealias Name = UnsafePointer<CChar>

    let initialize: @convention(c) (Name) -> OpaquePointer?
    let isChain: @convention(c) (Name, OpaquePointer) -> Int32
    let firstChain: @convention(c) (OpaquePointer) -> Name?
    let nextChain: @convention(c) (OpaquePointer) -> Name?
    let firstRule: @convention(c) (Name, OpaquePointer) -> UnsafeRawPointer?
    let nextRule: @convention(c) (UnsafeRawPointer, OpaquePointer) -> UnsafeRawPointer?
    let target: @convention(c) (UnsafeRawPointer, OpaquePointer) -> Name?
    let createChain: @convention(c) (Name, OpaquePointer) -> Int32
    let flush: @convention(c) (Name, OpaquePointer) -> Int32
    let deleteChain: @convention(c) (Name, OpaquePointer) -> Int32
    let delete: @convention(c) (Name, UInt32, OpaquePointer) -> Int32
    let insert: @convention(c) (Name, UnsafeRawPointer, UInt32, OpaquePointer) -> Int32
    let append: @convention(c) (Name, UnsafeRawPointer, OpaquePointer) -> Int32
    let commit: @convention(c) (OpaquePointer) -> Int32
    let sentence: @convention(c) (Int32) -> Name?

    private static let v4 = Libiptc("libip4tc.so.2", "iptc_")
    private static let v6 = Libiptc("libip6tc.so.2", "ip6tc_")

    /// Throws ENOENT where the library, or a function of it, is not there.
    static func of(_ family: AddressFamily) throws(KernelError) -> Libiptc {
        if let loaded = family == .v4 ? v4 : v6 { return loaded }
        let name = family == .v4 ? "libip4tc" : "libip6tc"
        throw KernelError(
            "load \(name).so.2", .noSuchFile, "iptables comes with it; install it anew (Debian: apt install \(name)2)")
    }

    private init?(_ file: String, _ prefix: String) {
        guard let library = dlopen(file, RTLD_LAZY | RTLD_LOCAL) else { return nil }
        func function(_ name: String) -> UnsafeMutableRawPointer? { dlsym(library, prefix + name) }
        guard let initialize = function("init"), let isChain = function("is_chain"),
            let firstChain = function("first_chain"), let nextChain = function("next_chain"),
            let firstRule = function("first_rule"), let nextRule = function("next_rule"),
            let target = function("get_target"), let createChain = function("create_chain"),
            let flush = function("flush_entries"), let deleteChain = function("delete_chain"),
            let delete = function("delete_num_entry"), let insert = function("insert_entry"),
            let append = function("append_entry"), let commit = function("commit"), let sentence = function("strerror")
        else { return nil }
        self.initialize = unsafeBitCast(initialize, to: (@convention(c) (Name) -> OpaquePointer?).self)
        self.isChain = unsafeBitCast(isChain, to: (@convention(c) (Name, OpaquePointer) -> Int32).self)
        self.firstChain = unsafeBitCast(firstChain, to: (@convention(c) (OpaquePointer) -> Name?).self)
        self.nextChain = unsafeBitCast(nextChain, to: (@convention(c) (OpaquePointer) -> Name?).self)
        self.firstRule = unsafeBitCast(firstRule, to: (@convention(c) (Name, OpaquePointer) -> UnsafeRawPointer?).self)
        self.nextRule = unsafeBitCast(
            nextRule, to: (@convention(c) (UnsafeRawPointer, OpaquePointer) -> UnsafeRawPointer?).self)
        self.target = unsafeBitCast(target, to: (@convention(c) (UnsafeRawPointer, OpaquePointer) -> Name?).self)
        self.createChain = unsafeBitCast(createChain, to: (@convention(c) (Name, OpaquePointer) -> Int32).self)
        self.flush = unsafeBitCast(flush, to: (@convention(c) (Name, OpaquePointer) -> Int32).self)
        self.deleteChain = unsafeBitCast(deleteChain, to: (@convention(c) (Name, OpaquePointer) -> Int32).self)
        self.delete = unsafeBitCast(delete, to: (@convention(c) (Name, UInt32, OpaquePointer) -> Int32).self)
        self.insert = unsafeBitCast(
            insert, to: (@convention(c) (Name, UnsafeRawPointer, UInt32, OpaquePointer) -> Int32).self)
        self.append = unsafeBitCast(append, to: (@convention(c) (Name, UnsafeRawPointer, OpaquePointer) -> Int32).self)
        self.commit = unsafeBitCast(commit, to: (@convention(c) (OpaquePointer) -> Int32).self)
        self.sentence = unsafeBitCast(sentence, to: (@convention(c) (Int32) -> Name?).self)
    }
}
