// Denoises the selected image with the program `autodip`, in any ImageJ: no Python mode is needed.
//
// As a menu command it asks once; from a macro:
//   run("AUTO-DIP Denoise External", "group=[confocal/actin] iterations=300");
//   runMacro("/path/AUTO-DIP_Denoise_External.ijm", "group=auto program=[/opt/autodip/bin/autodip]");
// Keys: group calibration effort iterations seed device dtype (as in `autodip denoise --help`) and program.
// All other settings have the program's defaults. The result is a new image; runMacro returns "ok: <its title>".

requires("1.53t");

var KEYS = newArray("group", "calibration", "effort", "iterations", "seed", "device", "dtype");
var LABEL = "AUTO-DIP Denoise External";

if (nImages == 0)
	exit(LABEL + ": no image is open; open one first");
given = givenOptions();
readOptions(given, KEYS);
if (List.get("given") == "" && !isUnattended())
	askForOptions();
program = findProgram();
result = denoiseSelectedImage(program);
if (getArgument() != "" || isUnattended())
	return "ok: " + result; // for runMacro; for a menu command, Fiji would show it in a window

function denoiseSelectedImage(program) {
	source = getImageID();
	title = getTitle();
	Stack.getPosition(channel, slice, frame);
	folder = makeTemporaryFolder();
	name = fileNameFrom(title);
	input = folder + name + ".tif";
	output = folder + "result.tif";

	wasBatch = is("Batch Mode");
	setBatchMode(true);
	copy = duplicateOf(source);
	rename(title); // the group may be inferred from the name, which the file also stores
	lows = displayRanges(false);
	highs = displayRanges(true);
	dtype = "float32";
	if (bitDepth() == 24 || List.get("dtype") == "same") {
		dtype = "same"; // an RGB image remains RGB
	} else if (isCalibrated()) {
		run("32-bit"); // shown values instead of stored ones: a 32-bit image has no density calibration
	}
	saveAs("tiff", input);
	arguments = newArray("denoise", input, output, "--dtype", dtype, "--quiet", "--json");
	options = optionsFor(Array.deleteValue(KEYS, "dtype"));
	printed = runProgram(program, Array.concat(arguments, options));
	if (!File.exists(output)) {
		selectImage(copy);
		close();
		deleteTemporary(folder, input, output);
		if (isOpen(source))
			selectImage(source);
		if (!wasBatch)
			setBatchMode("exit and display");
		error = errorIn(printed);
		exit(LABEL + ": " + error);
	}

	// The copy has all properties of the image in ImageJ: it receives the new pixels and becomes the result.
	open(output);
	denoised = getImageID();
	selectImage(copy);
	if (bitDepth() != 24 && dtype == "float32" && bitDepth() != 32)
		run("32-bit");
	imageCalculator("Copy stack", copy, denoised);
	selectImage(denoised);
	close();
	selectImage(copy);
	restoreDisplay(lows, highs);
	stem = withoutSuffix(title);
	name = stem + "-autodip";
	rename(name);
	report = replace(printed, "\n *", ""); // one line, as written by the commands in Fiji
	setMetadata("Info", getMetadata("Info") + "\n[AUTO-DIP]\nreport = " + report + "\n[/AUTO-DIP]");
	if (nSlices > 1)
		Stack.setPosition(channel, slice, frame);
	logMessages(name, printed);
	deleteTemporary(folder, input, output);
	if (!wasBatch)
		setBatchMode("exit and display");
	return name;
}

// Returns a copy of the whole image, even if a part of it is selected; the selection is restored.
function duplicateOf(image) {
	selectImage(image);
	selected = selectionType() != -1;
	if (selected)
		run("Select None");
	run("Duplicate...", "duplicate");
	copy = getImageID();
	if (selected) {
		selectImage(image);
		run("Restore Selection");
		selectImage(copy);
		run("Restore Selection");
	}
	return copy;
}

function isCalibrated() {
	if (bitDepth() >= 24)
		return false;
	return (calibrate(0) != 0 || calibrate(1) != 1);
}

// Returns the lower or upper display limits of all channels; converting and copying pixels resets them.
function displayRanges(upper) {
	ends = newArray(1);
	if (is("composite")) {
		getDimensions(width, height, channels, slices, frames);
		ends = newArray(channels);
	}
	for (c = 0; c < ends.length; c++) {
		if (ends.length > 1)
			Stack.setChannel(c + 1);
		getMinAndMax(low, high);
		ends[c] = low;
		if (upper)
			ends[c] = high;
	}
	return ends;
}

function restoreDisplay(lows, highs) {
	if (bitDepth() == 24)
		return;
	for (c = 0; c < lows.length; c++) {
		if (lows.length > 1)
			Stack.setChannel(c + 1);
		setMinAndMax(lows[c], highs[c]);
	}
}

function askForOptions() {
	groups = newArray("auto", "confocal/nucleus", "confocal/actin", "confocal/mito", "twophoton/nucleus", "twophoton/actin",
		"twophoton/mito", "widefield/nucleus", "widefield/actin", "widefield/mito", "confocal", "twophoton", "widefield",
		"nucleus", "actin", "mito", "all");
	Dialog.create(LABEL);
	Dialog.addChoice("Group", groups, "auto");
	Dialog.addChoice("Effort", newArray("fast", "standard"), "standard");
	Dialog.addNumber("Iterations", 0, 0, 6, "(0 = from group)");
	Dialog.addNumber("Seed", 1);
	Dialog.addChoice("Device", newArray("auto", "cuda", "mps", "cpu"), "auto");
	Dialog.addChoice("Dtype", newArray("float32", "same"), "float32");
	Dialog.addFile("Program", rememberedProgram());
	Dialog.show();
	List.set("group", Dialog.getChoice());
	setUnlessDefault("effort", Dialog.getChoice(), "standard");
	List.set("iterations", Dialog.getNumber());
	List.set("seed", Dialog.getNumber());
	List.set("device", Dialog.getChoice());
	List.set("dtype", Dialog.getChoice());
	List.set("program", Dialog.getString());
}

function logMessages(name, printed) {
	print(name + ":");
	lines = textsOf(printed, "messages");
	for (i = 0; i < lines.length; i++) {
		if (getInfo("java.awt.headless") == "true")
			print("  " + lines[i]);
		else
			printWrapped(lines[i]);
	}
}

// The Log does not wrap lines, and at its initial size shows about 42 letters of one.
function printWrapped(text) {
	words = split(text, " ");
	line = "";
	for (w = 0; w < words.length; w++) {
		length = lengthOf(line) + lengthOf(words[w]);
		if (length >= 40 && w > 0) {
			print("  " + line);
			line = "  ";
		}
		line = line + words[w] + " ";
	}
	print("  " + line);
}

function fileNameFrom(title) {
	// Letters of any language remain; characters that a file system may reject become dashes.
	name = withoutSuffix(title);
	name = replace(name, "[\\\\/:*?\"<>|\\p{Cntrl}]", "-");
	if (lengthOf(name) > 100)
		name = substring(name, 0, 100);
	return name;
}

function withoutSuffix(title) {
	stem = replace(title, "(\\.ome)?\\.[A-Za-z0-9]{1,5}$", "");
	return stem;
}

function makeTemporaryFolder() {
	folder = getDirectory("temp") + "autodip-" + d2s(getTime(), 0) + "-" + floor(random * 1e9) + File.separator;
	File.makeDirectory(folder);
	if (!File.isDirectory(folder))
		exit(LABEL + ": cannot create the temporary folder " + folder);
	return folder;
}

function deleteTemporary(folder, input, output) {
	files = newArray(input, output, output + ".autodip.json");
	for (i = 0; i < files.length; i++) {
		if (File.exists(files[i]))
			ok = File.delete(files[i]);
	}
	ok = File.delete(folder);
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
