// Denoises a folder of microscope files with the program `autodip`, in any ImageJ: no Python mode is needed.
//
// As a menu command it asks once; from a macro:
//   run("AUTO-DIP Denoise Folder External", "input=[/data/raw] output=[/data/denoised] group=auto");
//   runMacro("/path/AUTO-DIP_Denoise_Folder_External.ijm", "input=[/data/raw] output=[/data/denoised] channel=0");
// Keys: input output group calibration effort channel iterations seed device dtype (as in `autodip batch --help`) and program.
// Finished files are skipped, so that an interrupted run resumes. A file that fails does not stop the others: the Log and
// the table status.csv in the output folder give the reason. runMacro returns "<n> done, <n> skipped, <n> failed".

requires("1.53t");

var KEYS = newArray("group", "calibration", "effort", "channel", "iterations", "seed", "device", "dtype");
var LABEL = "AUTO-DIP Denoise Folder External";

given = givenOptions();
readOptions(given, Array.concat(newArray("input", "output"), KEYS));
if (List.get("given") == "" && !isUnattended())
	askForOptions();
if (List.get("input") == "" || List.get("output") == "")
	exit(LABEL + ": choose an input folder and another one for the output,\nin a macro: input=[folder] output=[another folder]");
program = findProgram();
counts = denoiseFolder(program);
if (getArgument() != "" || isUnattended())
	return counts; // for runMacro; for a menu command, Fiji would show it in a window
showStatus(counts);

function denoiseFolder(program) {
	arguments = newArray("batch", List.get("input"), List.get("output"), "--quiet", "--json");
	options = optionsFor(KEYS);
	printed = runProgram(program, Array.concat(arguments, options));
	table = textsOf(printed, "status_file");
	if (table.length == 0) {
		error = errorIn(printed);
		exit(LABEL + ": " + error);
	}
	files = textsOfAll(printed, "file");
	status = textsOfAll(printed, "status");
	messages = textsOfAll(printed, "message");
	for (i = 0; i < files.length; i++) {
		if (status[i] == "failed")
			print(files[i] + ": " + messages[i]);
	}
	if (!isUnattended())
		open(table[0]);
	done = count(status, "done");
	skipped = count(status, "skipped");
	failed = count(status, "failed");
	return "" + done + " done, " + skipped + " skipped, " + failed + " failed";
}

function count(array, value) {
	found = Array.filter(array, "(^" + value + "$)");
	return found.length;
}

// Returns one text for each occurrence of the key in the JSON.
function textsOfAll(json, key) {
	all = newArray(0);
	at = indexOf(json, "\"" + key + "\":");
	while (at >= 0) {
		rest = substring(json, at);
		texts = textsOf(rest, key);
		all = Array.concat(all, texts);
		at = indexOf(json, "\"" + key + "\":", at + 1);
	}
	return all;
}

function askForOptions() {
	Dialog.create(LABEL);
	Dialog.addDirectory("Input", "");
	Dialog.addDirectory("Output", "");
	Dialog.addString("Group", "auto", 16);
	Dialog.addString("Channel", "", 16);
	Dialog.addChoice("Effort", newArray("fast", "standard"), "standard");
	Dialog.addNumber("Iterations", 0, 0, 6, "(0 = from group)");
	Dialog.addChoice("Device", newArray("auto", "cuda", "mps", "cpu"), "auto");
	Dialog.addFile("Program", rememberedProgram());
	Dialog.show();
	List.set("input", Dialog.getString());
	List.set("output", Dialog.getString());
	List.set("group", Dialog.getString());
	List.set("channel", Dialog.getString());
	setUnlessDefault("effort", Dialog.getChoice(), "standard");
	List.set("iterations", Dialog.getNumber());
	List.set("device", Dialog.getChoice());
	List.set("program", Dialog.getString());
}

// ---- identical in both External macros: options, the program, its answers ----

function isUnattended() {
	return is("Batch Mode") || getInfo("java.awt.headless") == "true";
}

// Options are passed as the argument of runMacro, or through run("<label>", "<options>") of another macro.
function givenOptions() {
	options = getArgument();
	if (options == "")
		options = "" + call("ij.Macro.getOptions");
	if (options == "null")
		options = "";
	return options;
}

// Puts `key=value key=[a value with spaces]` into the list; an unknown key is an error.
function readOptions(options, keys) {
	keys = Array.concat(keys, "program");
	List.clear();
	List.set("given", String.trim(options));
	rest = String.trim(options);
	while (rest != "") {
		word = substring(rest, 0, indexOf(rest + " ", " "));
		equals = indexOf(word, "=");
		if (equals < 1)
			exit(LABEL + ": '" + word + "' is not an option; write key=value, or key=[a value with spaces]");
		key = substring(word, 0, equals);
		if (!contains(keys, key))
			exit(LABEL + ": unknown option '" + key + "'; choose one of: " + String.join(keys, ", "));
		rest = substring(rest, equals + 1);
		end = indexOf(rest + " ", " ");
		begin = 0;
		if (startsWith(rest, "[")) {
			begin = 1;
			end = indexOf(rest, "]");
			if (end == -1)
				exit(LABEL + ": the value of '" + key + "' begins with [ but has no closing ]");
		}
		List.set(key, substring(rest, begin, end));
		rest = String.trim(substring(rest + " ", end + 1));
	}
}

function contains(array, value) {
	for (i = 0; i < array.length; i++) {
		if (array[i] == value)
			return true;
	}
	return false;
}

// Returns the given options as arguments of the program; iterations=0 leaves the number to the group. ImageJ's list
// stores integers from a dialog with decimals, as in 0.0.
function optionsFor(keys) {
	options = newArray(0);
	for (k = 0; k < keys.length; k++) {
		value = List.get(keys[k]);
		if (matches(value, "[0-9]+[.]0+"))
			value = substring(value, 0, indexOf(value, "."));
		if (value != "" && !(keys[k] == "iterations" && parseFloat(value) == 0))
			options = Array.concat(options, newArray("--" + keys[k], value));
	}
	return options;
}

function setUnlessDefault(key, value, default) {
	if (value != default)
		List.set(key, value);
}

// Returns the given program, else the one used last time, else one found in the usual places; asks if there is none.
function findProgram() {
	given = List.get("program");
	if (given != "") {
		if (!answers(given))
			exit(LABEL + ": " + given + " is not autodip " + remedy());
		remember(given);
		return given;
	}
	remembered = rememberedProgram();
	ofFiji = programsOfFiji();
	candidates = Array.concat(newArray(remembered, "autodip"), ofFiji);
	for (c = 0; c < candidates.length; c++) {
		if (answers(candidates[c]))
			return candidates[c];
	}
	if (isUnattended())
		exit(LABEL + ": the program autodip was not found " + remedy());
	chosen = File.openDialog("Where is the program autodip?");
	if (!answers(chosen))
		exit(LABEL + ": " + chosen + " is not autodip " + remedy());
	remember(chosen);
	return chosen;
}

function remedy() {
	return "(install autodip_ij with pip and specify the path of autodip, or of its Python, as program=[...])";
}

function rememberedProgram() {
	program = call("ij.Prefs.get", "autodip.program", "autodip");
	return program;
}

// ImageJ writes its preferences when it is closed; a run without windows does not change the user's choice.
function remember(program) {
	if (!isUnattended())
		call("ij.Prefs.set", "autodip.program", program);
}

function programsOfFiji() {
	programs = newArray(0);
	root = getDirectory("imagej") + "python" + File.separator;
	if (!File.isDirectory(root))
		return programs;
	environments = getFileList(root);
	for (e = 0; e < environments.length; e++) {
		place = root + replace(environments[e], "/", "") + File.separator;
		programs = Array.concat(programs, place + "bin/autodip", place + "Scripts\\autodip.exe");
	}
	return programs;
}

function answers(program) {
	if (indexOf(program, File.separator) >= 0 && !File.exists(program))
		return false;
	printed = runProgram(program, newArray("--version"));
	return matches(String.trim(printed), "\\d+\\.\\d+\\S*");
}

// Runs the program with an array of arguments and returns its output. exec() takes separate arguments, so the call is
// composed and evaluated; every argument is passed unchanged, whatever spaces or quotes it contains.
function runProgram(program, arguments) {
	words = Array.concat(program, arguments);
	if (matches(File.getName(program), "(?i)python[0-9.]*(\\.exe)?"))
		words = Array.concat(newArray(program, "-m", "autodip_ij"), arguments);
	quoted = newArray(words.length);
	for (w = 0; w < words.length; w++) {
		word = escaped(words[w]);
		quoted[w] = "\"" + word + "\"";
	}
	showStatus("!AUTO-DIP: running the program");
	list = String.join(quoted, ",");
	printed = eval("return exec(" + list + ");");
	showStatus("");
	return printed;
}

function escaped(text) {
	parts = "";
	for (i = 0; i < lengthOf(text); i++) {
		letter = substring(text, i, i + 1);
		if (letter == "\\" || letter == "\"")
			letter = "\\" + letter;
		parts = parts + letter;
	}
	return parts;
}

function errorIn(printed) {
	texts = textsOf(printed, "error");
	if (texts.length > 0)
		return texts[0];
	return "the program wrote no result; it printed: " + printed;
}

// Returns the texts of `key` in the JSON that the program prints: one, or those of an array.
function textsOf(json, key) {
	texts = newArray(0);
	at = indexOf(json, "\"" + key + "\":");
	if (at == -1)
		return texts;
	at = at + lengthOf(key) + 3;
	inArray = startsWith(String.trim(substring(json, at)), "[");
	text = "";
	inText = false;
	for (i = at; i < lengthOf(json); i++) {
		letter = substring(json, i, i + 1);
		if (inText && letter == "\\") {
			i++;
			letter = substring(json, i, i + 1);
			if (letter == "u") {
				text = text + fromCharCode(parseInt(substring(json, i + 1, i + 5), 16));
				i = i + 4;
			} else if (letter == "n" || letter == "t") {
				text = text + " ";
			} else {
				text = text + letter;
			}
		} else if (letter == "\"") {
			if (inText)
				texts = Array.concat(texts, text);
			if (inText && !inArray)
				return texts;
			inText = !inText;
			text = "";
		} else if (inText) {
			text = text + letter;
		} else if (letter == "]" || letter == "}" || (letter == "," && !inArray)) {
			return texts;
		}
	}
	return texts;
}
