import CDBus
import Glibc
import NetCore

/// A connection of this process's own to the system bus, by libdbus: it finds the bus, authenticates and keeps order.
struct SystemBus: ~Copyable {
    private let connection: OpaquePointer
    /// The peer of every call.
    private let peer: String
    /// firewalld is of one thread: it answers after a reload or its start, which may take seconds.
    private static let milliseconds: Int32 = 20_000

    /// An error that the bus or the peer answered with.
    struct Refusal: Error {
        /// org.freedesktop.DBus.Error.…, or the peer's own.
        let name: String
        let message: String
    }

    /// Throws why there is no bus.
    init(peer: String) throws(Refusal) {
        var error = DBusError()
        dbus_error_init(&error)
        guard let connection = dbus_bus_get_private(DBUS_BUS_SYSTEM, &error) else { throw SystemBus.refusal(&error) }
        // Otherwise libdbus ends the process when the bus goes.
        dbus_connection_set_exit_on_disconnect(connection, 0)
        self.connection = connection
        self.peer = peer
    }

    deinit {
        dbus_connection_close(connection)
        dbus_connection_unref(connection)
    }

    /// The answer to a method that takes strings. A peer that is not there is not started.
    func call(_ path: String, _ interface: String, _ method: String, _ arguments: [String] = []) throws(Refusal)
        -> Answer
    {
        guard let message = dbus_message_new_method_call(peer, path, interface, method) else {
            throw Refusal(name: DBUS_ERROR_NO_MEMORY, message: "no memory for a message")
        }
        defer { dbus_message_unref(message) }
        dbus_message_set_auto_start(message, 0)
        var arguments = arguments.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        var iterator = DBusMessageIter()
        dbus_message_iter_init_append(message, &iterator)
        for index in arguments.indices {
            guard dbus_message_iter_append_basic(&iterator, SystemBus.string, &arguments[index]) != 0 else {
                throw Refusal(name: DBUS_ERROR_NO_MEMORY, message: "no memory for a message")
            }
        }
        var error = DBusError()
        dbus_error_init(&error)
        guard
            let answer = dbus_connection_send_with_reply_and_block(
                connection, message, SystemBus.milliseconds, &error)
        else { throw SystemBus.refusal(&error) }
        return Answer(answer)
    }

    private static func refusal(_ error: inout DBusError) -> Refusal {
        defer { dbus_error_free(&error) }
        return Refusal(
            name: error.name.map { String(cString: $0) } ?? "",
            message: error.message.map { String(cString: $0) } ?? "no reason was given")
    }

    fileprivate static let string = Int32(UInt8(ascii: "s"))
    fileprivate static let path = Int32(UInt8(ascii: "o"))
    fileprivate static let boolean = Int32(UInt8(ascii: "b"))
    fileprivate static let array = Int32(UInt8(ascii: "a"))
    fileprivate static let entry = Int32(UInt8(ascii: "e"))
}

/// What a method returned.
final class Answer {
    private let message: OpaquePointer

    init(_ message: OpaquePointer) { self.message = message }
    deinit { dbus_message_unref(message) }

    /// Of type "o".
    var path: String? {
        var iterator = DBusMessageIter()
        guard dbus_message_iter_init(message, &iterator) != 0 else { return nil }
        return Answer.text(&iterator)
    }

    /// Of type "b".
    var isTrue: Bool {
        var iterator = DBusMessageIter()
        guard dbus_message_iter_init(message, &iterator) != 0,
            dbus_message_iter_get_arg_type(&iterator) == SystemBus.boolean
        else { return false }
        var value: dbus_bool_t = 0
        dbus_message_iter_get_basic(&iterator, &value)
        return value != 0
    }

    /// Of type "as"; empty for an answer of another type.
    var strings: [String] {
        var iterator = DBusMessageIter()
        guard dbus_message_iter_init(message, &iterator) != 0 else { return [] }
        return Answer.strings(&iterator)
    }

    /// Of type "a{sa{sas}}".
    var tables: [(String, [(String, [String])])] {
        var iterator = DBusMessageIter()
        guard dbus_message_iter_init(message, &iterator) != 0 else { return [] }
        return Answer.entries(&iterator) { Answer.entries(&$0, Answer.strings) }
    }

    private static func strings(_ iterator: inout DBusMessageIter) -> [String] {
        var found: [String] = []
        each(&iterator) { if let text = text(&$0) { found.append(text) } }
        return found
    }

    private static func entries<Value>(
        _ iterator: inout DBusMessageIter, _ value: (inout DBusMessageIter) -> Value
    ) -> [(String, Value)] {
        var found: [(String, Value)] = []
        each(&iterator) { entry in
            guard dbus_message_iter_get_arg_type(&entry) == SystemBus.entry else { return }
            var fields = DBusMessageIter()
            dbus_message_iter_recurse(&entry, &fields)
            guard let key = text(&fields), dbus_message_iter_next(&fields) != 0 else { return }
            found.append((key, value(&fields)))
        }
        return found
    }

    private static func each(_ iterator: inout DBusMessageIter, _ body: (inout DBusMessageIter) -> Void) {
        guard dbus_message_iter_get_arg_type(&iterator) == SystemBus.array else { return }
        var elements = DBusMessageIter()
        dbus_message_iter_recurse(&iterator, &elements)
        while dbus_message_iter_get_arg_type(&elements) != 0 {
            body(&elements)
            guard dbus_message_iter_next(&elements) != 0 else { return }
        }
    }

    private static func text(_ iterator: inout DBusMessageIter) -> String? {
        guard [SystemBus.string, SystemBus.path].contains(dbus_message_iter_get_arg_type(&iterator)) else { return nil }
        var text: UnsafePointer<CChar>?
        dbus_message_iter_get_basic(&iterator, &text)
        return text.map { String(cString: $0) }
    }
}
