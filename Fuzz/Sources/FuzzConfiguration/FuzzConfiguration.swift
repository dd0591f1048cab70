import CNI
import JSON

/// Any environment and any standard input are refused with a code and a sentence, or give a request whose configuration
/// reads the same again. The input's parts stand between NUL bytes: CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME,
/// CNI_ARGS, CNI_PATH and standard input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let parts = UnsafeBufferPointer(start: data, count: count)
        .split(separator: 0, maxSplits: 6, omittingEmptySubsequences: false)
    let names = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"]
    var variables: [String: String] = [:]
    for (name, part) in zip(names, parts.dropLast()) { variables[name] = String(decoding: part, as: UTF8.self) }
    do throws(CNIError) {
        let request = try Request(environment: Environment(variables), standardInput: parts.last.map(Array.init) ?? [])
        if request.command == .version { return 0 }
        let configuration = request.configuration
        do throws(CNIError) {
            let bytes = JSON.object(configuration.json).bytes
            let again = try NetworkConfiguration(decoding: bytes, for: request.command)
            precondition(again == configuration, "the configuration reads the same again")
        } catch {
            fatalError("what was written is refused: \(error)")
        }
        if request.command.hasAttachment { precondition(!request.attachment.tag.isEmpty) }
        precondition(request.command != .gc || configuration.validAttachments != nil, "a GC has its list (P-58)")
        precondition(configuration.version >= request.command.since, "the version knows the operation (P-12)")
    } catch {
        precondition([1, 4, 6, 7].contains(error.code) && !error.message.isEmpty)
        do throws(JSONError) {
            let json = error.json(version: error.version ?? .latest)
            let again = try JSON(parsing: json.bytes)
            precondition(again == json, "the error object is JSON")
        } catch {
            fatalError("an error object is refused: \(error)")
        }
    }
    return 0
}
